#pragma once
// The look of a page.

#include <string_view>

namespace report {

inline constexpr std::string_view kPageStyle = R"css(
:root{color-scheme:light dark;--ground:#fff;--text:#1f2328;--soft:#59636e;--line:#d8dee4;--panel:#f5f7f9;--link:#0a5fb4;
--alarm:#b42318;--stress:#eef4fb}
@media (prefers-color-scheme:dark){:root{--ground:#14171b;--text:#e6e8eb;--soft:#9aa4ae;--line:#353b43;--panel:#1c2127;
--link:#7cbcff;--alarm:#ff8a80;--stress:#1d2a38}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2.5rem 1.5rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0;letter-spacing:-.01em}
h2{font-size:1.3rem;margin:2.8rem 0 .8rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.8rem 0 .5rem}
p{margin:.7rem 0;max-width:46rem;white-space:pre-line}
.subtitle{color:var(--soft);margin:.4rem 0 0}
a{color:var(--link)}
nav{margin:1.6rem 0 0}
nav ol{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;margin:0;padding:0;list-style:none;font-size:.93rem}
.note{background:var(--panel);border-left:3px solid var(--link);padding:.7rem 1rem;border-radius:0 4px 4px 0}
.warning{border-left-color:var(--alarm)}
.warning strong{color:var(--alarm)}
.wide{overflow-x:auto;margin:1.1rem 0}
table{border-collapse:collapse;font-size:.93rem;font-variant-numeric:tabular-nums}
caption{caption-side:top;text-align:left;color:var(--soft);padding:0 0 .5rem}
th,td{padding:.38rem 1.1rem .38rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);white-space:pre-line}
th{font-weight:600;border-bottom-color:var(--soft)}
td.n,th.n{text-align:right;white-space:nowrap;padding-left:.6rem}
tr.strong td{font-weight:650;background:var(--stress)}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1.4rem;margin:1rem 0;font-size:.93rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
pre{background:var(--panel);border:1px solid var(--line);border-radius:5px;padding:.8rem 1rem;overflow-x:auto;
font:.84rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
details{margin:1rem 0}
summary{cursor:pointer;color:var(--link)}
figure{margin:1.4rem 0}
figure>img,figure>svg{max-width:100%;height:auto;display:block;border-radius:4px}
figcaption{color:var(--soft);font-size:.9rem;margin-top:.5rem;max-width:46rem}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(18rem,1fr));gap:1.2rem;margin:1.2rem 0}
.gallery figure{margin:0}
.gallery figcaption{white-space:pre-line;overflow-wrap:anywhere;font-size:.82rem;line-height:1.4;margin-top:.35rem}
.plots{display:flex;flex-wrap:wrap;gap:1.1rem 1.4rem}
.plots svg{max-width:100%;height:auto}
@media (max-width:36rem){main{padding:1.4rem 1rem 3rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
@media print{:root{color-scheme:light;--ground:#fff;--text:#000;--soft:#444;--line:#bbb;--panel:#f7f7f7;--link:#000;--alarm:#a00;
--stress:#eee}body{font-size:10.5pt}main{max-width:none;padding:0}nav{display:none}h2,h3{break-after:avoid}
figure,tr,.note{break-inside:avoid}.wide{overflow:visible}pre{white-space:pre-wrap;overflow-wrap:anywhere}
img,.note,tr.strong td{print-color-adjust:exact}details::details-content{content-visibility:visible;height:auto}}
)css";

}  // namespace report

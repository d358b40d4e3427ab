"""SPDX 2.3 list of what an image of gadolin consists of, beside the base image.

    docker/sbom.py ON|OFF debian-packages.txt > sbom.spdx.json
"""
import datetime
import hashlib
import json
import re
import subprocess
import sys

torch, listed = sys.argv[1] == "ON", sys.argv[2]


def package(name, version, licence="NOASSERTION", purl=None):
    made = {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    }
    if purl:
        made["externalRefs"] = [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]
    return made


version = re.search(r"project\(gadolin VERSION ([\d.]+)", open("CMakeLists.txt").read()).group(1)
packages = [package("gadolin", version, "Apache-2.0")]
if torch:
    install = open("third_party/install.sh").read()
    torch_version = re.search(r"torch_version=([\d.]+)", install).group(1)
    packages.append(package("libtorch", torch_version, "BSD-3-Clause", f"pkg:pypi/torch@{torch_version}"))
for name in sorted(set(open(listed).read().split())):
    installed = subprocess.run(["dpkg-query", "-W", "-f=${Version}", name], capture_output=True, text=True, check=True)
    packages.append(package(name, installed.stdout, purl=f"pkg:deb/debian/{name}@{installed.stdout}"))
names = "".join(f"{p['name']}@{p['versionInfo']}\n" for p in packages)
document = {
    "spdxVersion": "SPDX-2.3",
    "dataLicense": "CC0-1.0",
    "SPDXID": "SPDXRef-DOCUMENT",
    "name": f"gadolin-{version}",
    "documentNamespace": "https://spdx.org/spdxdocs/gadolin-" + hashlib.sha256(names.encode()).hexdigest(),
    "creationInfo": {
        "created": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "creators": ["Tool: gadolin-docker-sbom"],
    },
    "packages": packages,
    "relationships": [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-gadolin"}
    ] + [
        {"spdxElementId": "SPDXRef-gadolin", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": p["SPDXID"]}
        for p in packages[1:]
    ],
}
json.dump(document, sys.stdout, indent=1)
print()

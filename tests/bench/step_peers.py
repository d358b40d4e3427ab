"""The peer of `gadolin bench step`: the same network, weights and batch in PyTorch, one training step at a time.

    python step_peers.py FOLDER THREADS     (gadolin calls it; tests/bench/peers.sh makes its environment)

FOLDER holds NAME.safetensors: every weight under gadolin's name, the batch (images, hidden), and as facts the kind of
network and its numbers. The convolutional network is nnU-Net's own (dynamic_network_architectures); the transformer is
written out below. Lines on standard input, one JSON object each on standard output:

    open NAME PRECISION COMPILE   makes the variants (eager and, where COMPILE is 1, torch.compile; contiguous and
                                  channels_last_3d): names, losses of their first three steps, peak memory of a step
    step N                        one more step of variant N: seconds on the clock and of the processor
    close                         drops them
"""
import ctypes
import gc
import json
import pathlib
import sys
import time

import torch
from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet
from safetensors import safe_open
from torch import nn
from torch.nn import functional as F

folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
LIMIT_OF_NORM, RATE, DECAY = 1.0, 1e-3, 0.05


class ConvolutionalMae(nn.Module):
    """Hidden voxels are 0; encoder and decoder of nnU-Net."""

    def __init__(self, plan):
        super().__init__()
        stages = len(plan["channels"])
        self.net = ResidualEncoderUNet(
            1, stages, plan["channels"], nn.Conv3d, plan["kernels"], plan["strides"], plan["blocks"], 1, [1] * (stages - 1),
            True, nn.InstanceNorm3d, {"eps": 1e-5, "affine": True}, None, None, nn.LeakyReLU, {"inplace": True},
            deep_supervision=False)

    def named(self):
        return dict(self.net.named_parameters())

    def forward(self, images, hidden):
        return self.net(images.masked_fill(hidden, 0))


class Block(nn.Module):
    def __init__(self, width, heads, hidden, eps):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=eps), nn.LayerNorm(width, eps=eps)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        n, tokens, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.project(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, tokens, width))
        return x + self.narrow(F.gelu(self.widen(self.norm2(x))))


class TokenMae(nn.Module):
    """The encoder sees the visible tokens alone; a narrow decoder fills the others in. He et al., CVPR 2022."""

    def __init__(self, plan):
        super().__init__()
        self.patch, self.grid, self.visible = plan["patch"], plan["grid"], plan["visible"]
        width, inner = plan["width"], plan["filler_width"]
        tokens, voxels = self.grid[0] * self.grid[1] * self.grid[2], self.patch[0] * self.patch[1] * self.patch[2]
        self.embed = nn.Conv3d(1, width, self.patch, self.patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(Block(width, plan["heads"], 4 * width, 1e-6) for _ in range(plan["depth"]))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.filler = nn.ModuleList(Block(inner, plan["filler_heads"], 4 * inner, 1e-5) for _ in range(plan["filler_depth"]))
        self.filler_narrow, self.filler_norm = nn.Linear(width, inner), nn.LayerNorm(inner)
        self.filler_out = nn.Linear(inner, voxels)
        self.hidden_token = nn.Parameter(torch.zeros(1, 1, inner))
        self.place_code = nn.Parameter(torch.zeros(1, tokens, inner))
        self.register_buffer("positions", torch.zeros(1, tokens, width))

    def named(self):
        words = [("embed.", "encoder.patch_embedding.patch_embeddings."), ("cls_token", "encoder.cls_token"),
                 ("filler_narrow.", "filler.narrow."), ("filler_norm.", "filler.norm."), ("filler_out.", "filler.out."),
                 ("hidden_token", "filler.hidden_token"), ("place_code", "filler.place_code"), ("norm.", "encoder.norm.")]
        inside = {"qkv": "attn.qkv", "project": "attn.out_proj", "widen": "mlp.linear1", "narrow": "mlp.linear2"}

        def name_of(name):
            for ours, theirs in words:
                if name.startswith(ours):
                    return theirs + name[len(ours):]
            kind, number, part, rest = name.split(".")
            if kind == "filler":
                return f"filler.block{number}.{part}.{rest}"
            return f"encoder.blocks.{number}.{inside.get(part, part)}.{rest}"

        return {name_of(name): parameter for name, parameter in self.named_parameters()}

    def forward(self, images, hidden):
        n, (a, b, c), (d, h, w) = images.shape[0], self.patch, self.grid
        places = hidden[:, 0, ::a, ::b, ::c].flatten(1).to(torch.uint8).argsort(dim=1, stable=True)[:, :self.visible]
        tokens = self.embed(images).flatten(2).transpose(1, 2) + self.positions
        x = tokens.gather(1, places.unsqueeze(2).expand(-1, -1, tokens.shape[2]))
        x = torch.cat([self.cls_token.expand(n, -1, -1).to(x.dtype), x], 1)
        for block in self.blocks:
            x = block(x)
        seen = self.filler_narrow(self.norm(x)[:, 1:])
        where = places.unsqueeze(2).expand(-1, -1, seen.shape[2])
        y = self.hidden_token.to(seen.dtype).expand(n, d * h * w, -1).scatter(1, where, seen) + self.place_code
        for block in self.filler:
            y = block(y)
        y = self.filler_out(self.filler_norm(y)).view(n, d, h, w, 1, a, b, c)
        return y.permute(0, 4, 1, 5, 2, 6, 3, 7).reshape(n, 1, d * a, h * b, w * c)


def given(name):
    with safe_open(folder / f"{name}.safetensors", "pt") as file:
        return json.loads(file.metadata()["plan"]), {key: file.get_tensor(key) for key in file.keys()}


class Variant:
    def __init__(self, name, precision, compiled, last):
        plan, tensors = given(name)
        self.name = ("torch.compile" if compiled else "eager") + (", channels_last_3d" if last else ", contiguous")
        self.bf16, self.last = precision == "bf16", last
        self.net = (TokenMae if plan["kind"] == "vit" else ConvolutionalMae)(plan)
        self.images, self.hidden = tensors.pop("images"), tensors.pop("hidden").bool()
        with torch.no_grad():
            for buffer, value in self.net.named_buffers():
                value.copy_(tensors.pop(buffer))
            own = self.net.named()
            assert own.keys() == tensors.keys(), own.keys() ^ tensors.keys()
            for key, parameter in own.items():
                parameter.copy_(tensors[key])
        if last:
            self.net = self.net.to(memory_format=torch.channels_last_3d)
            # Of one channel both layouts are the same bytes: the strides must say which.
            self.images = self.images.squeeze(1).unsqueeze(4).permute(0, 4, 1, 2, 3)
        self.run = torch.compile(self.net) if compiled else self.net
        parameters = list(self.net.parameters())
        self.optimiser = torch.optim.AdamW(
            [{"params": [p for p in parameters if p.dim() > 1], "weight_decay": DECAY},
             {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0}], lr=RATE, fused=True)
        self.losses = [self.step() for _ in range(3)]

    def step(self):
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            filled = self.run(self.images, self.hidden)
        square = (filled.float() - self.images).square()
        loss = square.masked_fill(~self.hidden, 0).sum() / self.hidden.sum()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), LIMIT_OF_NORM, foreach=True)
        self.optimiser.step()
        return loss.item()

    def peak_mb(self):
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        pathlib.Path("/proc/self/clear_refs").write_text("5")
        self.step()
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


variants = []
answers = sys.stdout
sys.stdout = sys.stderr  # what torch has to say is no answer
for line in sys.stdin:
    word, *rest = line.split()
    if word == "open":
        name, precision, compiling = rest
        told = []
        for compiled in [False, True] if compiling == "1" else [False]:
            for last in [False, True]:
                try:
                    variants.append(Variant(name, precision, compiled, last))
                except Exception as error:  # torch.compile needs a C++ compiler and does not take every network
                    if not compiled:
                        raise
                    print(f"{name}: torch.compile is left out: {str(error).splitlines()[0]}")
                    continue
                told.append({"name": variants[-1].name, "losses": variants[-1].losses, "peak_mb": variants[-1].peak_mb()})
        answer = {"variants": told}
    elif word == "step":
        clock, processor = time.perf_counter(), time.process_time()
        variants[int(rest[0])].step()
        answer = {"wall_s": time.perf_counter() - clock, "processor_s": time.process_time() - processor}
    else:
        variants.clear()
        torch._dynamo.reset()
        gc.collect()
        answer = {}
    print(json.dumps(answer), file=answers, flush=True)

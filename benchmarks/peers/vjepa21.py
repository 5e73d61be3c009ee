"""V-JEPA 2.1 (arXiv 2603.14482): one encoder for videos and images, four levels of output, a predictor of targets and context."""
import torch
from torch import nn

from vit import Block, PatchEmbed, gather, positions, rope


class Encoder(nn.Module):
    def __init__(self, dim, depth, heads, levels, ratio=4, patch=16, tubelet=2, pretrained_grid=16):
        super().__init__()
        self.levels, self.patch, self.pretrained_grid = levels, patch, pretrained_grid
        self.img_mod_embed, self.video_mod_embed = (nn.Parameter(torch.zeros(1, 1, dim)) for _ in range(2))
        self.patch_embed = PatchEmbed(dim, tubelet, patch, patch)
        self.patch_embed_img = PatchEmbed(dim, 1, patch, patch)
        self.blocks = nn.ModuleList(Block(dim, heads, ratio) for _ in range(depth))
        self.norms_block = nn.ModuleList(nn.LayerNorm(dim, eps=1e-6) for _ in levels)

    def forward(self, video, mask=None):
        """[B, 3, T, H, W], an image if T = 1 -> the normed outputs of the blocks in levels, [B, N, D] each; the last is the encoder's"""
        image = video.shape[2] == 1
        x = self.patch_embed_img(video) + self.img_mod_embed if image else self.patch_embed(video) + self.video_mod_embed
        rows, columns = video.shape[3] // self.patch, video.shape[4] // self.patch
        ids = torch.arange(x.shape[1])[None] if mask is None else mask
        if mask is not None:
            x = gather(x, [mask])
        time, row, column = positions(ids, rows, columns)
        stretched = torch.stack((time, row * (self.pretrained_grid - 1) / (rows - 1), column * (self.pretrained_grid - 1) / (columns - 1)))
        rotate = rope(stretched, tiled=False)
        outputs = []
        for i, block in enumerate(self.blocks):
            x = block(x, rotate)
            if i in self.levels:
                outputs.append(self.norms_block[len(outputs)](x))
        return outputs


class Predictor(nn.Module):
    """inner levels of D in, outer numbers out; ids are split by a square grid, whatever the input was, and are not stretched."""

    def __init__(self, grid, dim, inner, outer, width, depth, heads, mask_tokens):
        super().__init__()
        self.grid = grid
        self.img_mod_embed, self.video_mod_embed = (nn.Parameter(torch.zeros(1, 1, width)) for _ in range(2))
        if inner == 1:
            self.predictor_embed = nn.Linear(dim, width)
        else:
            self.predictor_embed = nn.Sequential(nn.Linear(inner * dim, dim), nn.GELU(), nn.Linear(dim, width))
        self.mask_tokens = nn.ParameterList(torch.zeros(1, 1, width) for _ in range(mask_tokens))
        self.predictor_blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.predictor_norm = nn.LayerNorm(width, eps=1e-6)
        self.predictor_proj, self.predictor_proj_context = (nn.Linear(width, outer) for _ in range(2))

    def forward(self, x, context, target, image=False, mask_index=1):
        """x [B, C, inner D] of the ids context [B, C] -> targets [B, M, outer] of the ids target [B, M], context [B, C, outer]"""
        guess = self.mask_tokens[mask_index % len(self.mask_tokens)].expand(*target.shape, -1)
        x = torch.cat((self.predictor_embed(x), guess), dim=1) + (self.img_mod_embed if image else self.video_mod_embed)
        ids = torch.cat((context, target), dim=1)
        rotate = rope(positions(ids, self.grid, self.grid), tiled=False)
        for block in self.predictor_blocks:
            x = block(x, rotate)
        x = self.predictor_norm(x)
        return self.predictor_proj(x[:, context.shape[1]:]), self.predictor_proj_context(x[:, :context.shape[1]])

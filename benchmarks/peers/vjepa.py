"""V-JEPA (arXiv 2404.08471) and V-JEPA 2 (arXiv 2506.09985): encoders and predictors as in the original files.

V-JEPA 2 turns queries and keys with tiled frequencies; its encoder takes rows and columns from the input, its predictor from a square grid.
"""
import math

import torch
from torch import nn

from vit import Block, PatchEmbed, gather, grid_ids, positions, rope, sincos


def table(dim, frames, grid):
    """[1, N, D] in float32: time, row and column have 2 ceil(D / 6) channels each, cut to D together."""
    axes = positions(grid_ids(frames, grid, grid), grid, grid)[:, 0]
    return torch.cat([sincos(2 * math.ceil(dim / 6), axis) for axis in axes], dim=1)[None, :, :dim].float()


class Encoder(nn.Module):
    """The table of version 2 stands in its files and is not used."""

    def __init__(self, version, frames, grid, dim, depth, heads, ratio=4, patch=16, tubelet=2):
        super().__init__()
        self.version, self.patch = version, patch
        self.pos_embed = nn.Parameter(table(dim, frames // tubelet, grid))
        self.patch_embed = PatchEmbed(dim, tubelet, patch, patch)
        self.blocks = nn.ModuleList(Block(dim, heads, ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, video, mask=None):
        """[B, 3, T, H, W] -> [B, N, D], or with mask [B, M] only those tokens from the first block on"""
        x = self.patch_embed(video)
        if self.version == 1:
            x = x + self.pos_embed
        rows, columns = video.shape[3] // self.patch, video.shape[4] // self.patch
        ids = torch.arange(x.shape[1])[None] if mask is None else mask
        if mask is not None:
            x = gather(x, [mask])
        rotate = rope(positions(ids, rows, columns), tiled=True) if self.version == 2 else None
        for block in self.blocks:
            x = block(x, rotate)
        return self.norm(x)


class Predictor(nn.Module):
    def __init__(self, version, frames, grid, dim, width, depth, heads, mask_tokens, tubelet=2):
        super().__init__()
        self.version, self.grid = version, grid
        self.predictor_embed = nn.Linear(dim, width)
        self.mask_tokens = nn.ParameterList(torch.zeros(1, 1, width) for _ in range(mask_tokens))
        if version == 1:
            self.predictor_pos_embed = nn.Parameter(table(width, frames // tubelet, grid))
        self.predictor_blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.predictor_norm = nn.LayerNorm(width, eps=1e-6)
        self.predictor_proj = nn.Linear(width, dim)

    def forward(self, x, context, target, mask_index):
        """x [B, C, D] of the ids context [B, C] -> the tokens target [B, M], [B, M, D]"""
        x = self.predictor_embed(x)
        guess = self.mask_tokens[mask_index % len(self.mask_tokens)].expand(*target.shape, -1)
        if self.version == 1:
            place = self.predictor_pos_embed.expand(len(x), -1, -1)
            x, guess = x + gather(place, [context]), guess + gather(place, [target])
        ids = torch.cat((context, target), dim=1)
        # Attention knows no order, so version 2's sort by id is left out: it changes nothing but the order of the tokens.
        rotate = rope(positions(ids, self.grid, self.grid), tiled=True) if self.version == 2 else None
        x = torch.cat((x, guess), dim=1)
        for block in self.predictor_blocks:
            x = block(x, rotate)
        return self.predictor_proj(self.predictor_norm(x)[:, context.shape[1]:])

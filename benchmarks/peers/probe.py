"""The attentive probes of V-JEPA 2: self-attention, cross-attention from learned queries, linear heads. Their LayerNorms have an eps of 1e-5."""
import torch
from torch import nn
from torch.nn import functional as F

from vit import Block, Mlp


class CrossAttention(nn.Module):
    """No projection after it."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)

    def forward(self, queries, x):
        q = self.q(queries).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = self.kv(x).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


class CrossAttentionBlock(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.xattn = CrossAttention(dim, heads)
        self.mlp = Mlp(dim, 4)

    def forward(self, queries, x):
        queries = queries + self.xattn(queries, self.norm1(x))
        return queries + self.mlp(self.norm2(queries))


class AttentivePooler(nn.Module):
    def __init__(self, dim, heads, depth, queries):
        super().__init__()
        self.query_tokens = nn.Parameter(torch.zeros(1, queries, dim))
        self.cross_attention_block = CrossAttentionBlock(dim, heads)
        self.blocks = nn.ModuleList(Block(dim, heads, eps=1e-5) for _ in range(depth - 1))

    def forward(self, x):
        """[B, N, D] -> [B, queries, D]"""
        for block in self.blocks:
            x = block(x)
        return self.cross_attention_block(self.query_tokens.expand(len(x), -1, -1), x)


class AttentiveClassifier(nn.Module):
    def __init__(self, dim, heads, depth, classes):
        super().__init__()
        self.pooler = AttentivePooler(dim, heads, depth, 1)
        self.linear = nn.Linear(dim, classes)

    def forward(self, x):
        """[B, N, D] -> logits [B, classes]"""
        return self.linear(self.pooler(x)[:, 0])


class AnticipationClassifier(nn.Module):
    """EPIC-KITCHENS-100: the queries stand for verb, noun and action."""

    def __init__(self, dim, heads, depth, verbs, nouns, actions):
        super().__init__()
        self.pooler = AttentivePooler(dim, heads, depth, 3)
        self.verb_classifier, self.noun_classifier, self.action_classifier = (nn.Linear(dim, n) for n in (verbs, nouns, actions))

    def forward(self, x):
        verb, noun, action = self.pooler(x).unbind(1)
        return self.verb_classifier(verb), self.noun_classifier(noun), self.action_classifier(action)

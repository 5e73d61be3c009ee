// GELU and SiLU, one way for products and for elements.
#pragma once
#include "ptx.cuh"

DEVICE float sigmoid(float x) { return 1 / (1 + expf(-x)); }
// The normal distribution function. What cancels far below 0 is an error of 6e-8 of x, as everywhere.
DEVICE float normal(float x) { return fmaf(0.5f, erff(x * 0.70710678118654752f), 0.5f); }

// Derivatives, from x and its normal or sigmoid.
DEVICE float gelu_slope(float x, float phi) { return fmaf(x * 0.39894228040143268f, expf(-0.5f * x * x), phi); }
DEVICE float silu_slope(float x, float s) { return s * fmaf(x, 1 - s, 1); }

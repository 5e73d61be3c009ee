// Elements from one place to another: moved, transposed, converted to another type, or one value everywhere; any layouts. Called by CudaBackend.Copy
// and .Fill, which leave neighbours of one type to the driver's copy. Memory bounds it: each element is read and written once, 16 bytes an access
// where the layouts allow; a transposition goes through shared memory so that both sides are read and written along their neighbours.
#include "nest.cuh"

struct CopyArgs {
  Nest nest;  // src, dst; to fill, dst
  u64 value;  // to fill: the element
  i32 from, to;  // DType
};

struct TransposeArgs {
  Nest nest;        // of tiles
  i64 src_column, dst_row;
  i32 columns, rows;  // columns are neighbours in dst, rows in src
  i32 size;
};

enum DType { F32, F64, BF16, F16, I64, I32, U8 };

// Same type ---------------------------------------------------------------------------------------------------------------------------

template <int N, class T> DEVICE Pack<T, N> repeat(T value) {
  Pack<T, N> pack;
#pragma unroll
  for (int i = 0; i < N; i++) pack[i] = value;
  return pack;
}

template <class T> DEVICE void move(const Nest& nest) {
  each<2, wide<T>>(nest, [&](const i64 (&offset)[2], auto width) {
    constexpr int N = decltype(width)::value;
    const T* src = (const T*)nest.pointer[0] + offset[0];
    *(Pack<T, N>*)((T*)nest.pointer[1] + offset[1]) = nest.stride[0][0] == 0 ? repeat<N>(*src) : *(const Pack<T, N>*)src;
  });
}

DEVICE void move_kernel(const CopyArgs& a) {
  switch (a.to) {
    case U8: return move<u8>(a.nest);
    case BF16: case F16: return move<u16>(a.nest);
    case F32: case I32: return move<u32>(a.nest);
    default: return move<u64>(a.nest);
  }
}

template <class T> DEVICE void fill(const Nest& nest, T value) {
  each<1, wide<T>>(nest, [&](const i64 (&offset)[1], auto width) {
    constexpr int N = decltype(width)::value;
    *(Pack<T, N>*)((T*)nest.pointer[0] + offset[0]) = repeat<N>(value);
  });
}

DEVICE void fill_kernel(const CopyArgs& a) {
  switch (a.to) {
    case U8: return fill(a.nest, (u8)a.value);
    case BF16: case F16: return fill(a.nest, (u16)a.value);
    case F32: case I32: return fill(a.nest, (u32)a.value);
    default: return fill(a.nest, a.value);
  }
}

// A tile of 32 x 32: a warp reads 32 rows of one column, then writes 32 columns of one row. Rows of 33 elements keep both free of bank conflicts.
constexpr int TILE = 32, WARPS = 8;

template <class T> DEVICE void transpose(const TransposeArgs& a) {
  T* tile = (T*)shared_memory();
  i64 offset[2];
  locate(a.nest, blockIdx.x, offset);
  u32 line = a.nest.length[0].divide(blockIdx.x), plane = a.nest.length[1].divide(line);
  int columns = smaller(TILE, a.columns - TILE * (i32)(blockIdx.x - line * a.nest.length[0].value));
  int rows = smaller(TILE, a.rows - TILE * (i32)(line - plane * a.nest.length[1].value));
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const T* src = (const T*)a.nest.pointer[0] + offset[0];
  T* dst = (T*)a.nest.pointer[1] + offset[1];
  if (lane < rows)
    for (int c = warp; c < columns; c += WARPS) tile[lane * (TILE + 1) + c] = src[c * a.src_column + lane];
  sync_block();
  if (lane < columns)
    for (int r = warp; r < rows; r += WARPS) dst[r * a.dst_row + lane] = tile[r * (TILE + 1) + lane];
}

DEVICE void transpose_kernel(const TransposeArgs& a) {
  switch (a.size) {
    case 1: return transpose<u8>(a);
    case 2: return transpose<u16>(a);
    case 4: return transpose<u32>(a);
    default: return transpose<u64>(a);
  }
}

// Another type ------------------------------------------------------------------------------------------------------------------------

// Among F32, BF16, F16 and U8 by way of floats, which hold all of them.
struct byte { u8 value; };
DEVICE float to_float(byte x) { return x.value; }
// Floats are cut towards 0 and saturate; what is no number becomes 0.
template <> DEVICE byte from_float<byte>(float x) { return {(u8)(x > 0 ? fminf(x, 255) : 0)}; }

DEVICE void convert_kernel(const CopyArgs& a) {
  each<2, 8>(a.nest, [&](const i64 (&offset)[2], auto width) {
    constexpr int N = decltype(width)::value;
    const void* src = a.nest.pointer[0];
    void* dst = a.nest.pointer[1];
    i64 stride = a.nest.stride[0][0];
    float x[N];
    switch (a.from) {
      case F32: load((const float*)src + offset[0], stride, x); break;
      case BF16: load((const bf16*)src + offset[0], stride, x); break;
      case F16: load((const f16*)src + offset[0], stride, x); break;
      default: load((const byte*)src + offset[0], stride, x); break;
    }
    switch (a.to) {
      case F32: store((float*)dst + offset[1], x); break;
      case BF16: store((bf16*)dst + offset[1], x); break;
      case F16: store((f16*)dst + offset[1], x); break;
      default: store((byte*)dst + offset[1], x); break;
    }
  });
}

// F64, I64 and I32 by way of doubles, which hold every other type exactly but the largest I64; one element at a time.
DEVICE double load_exact(const void* p, i64 i, int dtype) {
  switch (dtype) {
    case F32: return ((const float*)p)[i];
    case F64: return ((const double*)p)[i];
    case BF16: return to_float(((const bf16*)p)[i]);
    case F16: return to_float(((const f16*)p)[i]);
    case I64: return (double)((const i64*)p)[i];
    case I32: return ((const i32*)p)[i];
    default: return ((const u8*)p)[i];
  }
}

// The float whose last bit is set where the double is none, so that rounding it again rounds once.
DEVICE float round_odd(double x) {
  float nearest = (float)x;
  double back = nearest;
  if (back == x || x != x) return nearest;
  bool beyond = x > 0 ? back > x : back < x;
  return as_float((as_bits(nearest) - beyond) | 1);
}

DEVICE void store_exact(void* p, i64 i, int dtype, double x) {
  // Beyond its range an integer saturates; what is no number becomes 0.
  bool number = x == x;
  switch (dtype) {
    case F32: ((float*)p)[i] = (float)x; break;
    case F64: ((double*)p)[i] = x; break;
    case BF16: ((bf16*)p)[i] = from_float<bf16>((float)x); break;
    case F16: ((f16*)p)[i] = from_float<f16>(round_odd(x)); break;
    case I64: ((i64*)p)[i] = !number ? 0 : x >= 9223372036854775808.0 ? ~(1ll << 63) : x < -9223372036854775808.0 ? 1ll << 63 : (i64)x; break;
    case I32: ((i32*)p)[i] = !number ? 0 : (i32)larger(smaller(x, 2147483647.0), -2147483648.0); break;
    default: ((u8*)p)[i] = !number ? 0 : (u8)larger(smaller(x, 255.0), 0.0); break;
  }
}

DEVICE void convert_exact_kernel(const CopyArgs& a) {
  each<2, 1>(a.nest, [&](const i64 (&offset)[2], auto) {
    store_exact(a.nest.pointer[1], offset[1], a.to, load_exact(a.nest.pointer[0], offset[0], a.from));
  });
}

KERNEL(copy_move, 256, CopyArgs, move_kernel)
KERNEL(copy_fill, 256, CopyArgs, fill_kernel)
KERNEL(copy_transpose, 32 * WARPS, TransposeArgs, transpose_kernel)
KERNEL(copy_convert, 256, CopyArgs, convert_kernel)
KERNEL(copy_convert_exact, 256, CopyArgs, convert_exact_kernel)

// What single instructions give, for the simulator's tests: a warp, or one block.
#include "reduce.cuh"

struct Args { const float* x; float* y; u32* counter; i32 n; };

// y[0..127] = a [16, 16] b [16, 8] with a at x, b at x + 256, both stored as bf16 in shared memory: a by rows, b by rows and read transposed.
DEVICE void product(const Args& a) {
  bf16* s = (bf16*)shared_memory();
  int t = threadIdx.x;
  for (int i = t; i < 256 + 128; i += 32) s[i] = from_float<bf16>(a.x[i]);
  sync_warp();
  u32 left[4], right[2];
  ldmatrix(left, shared_address(s + t % 16 * 16 + t / 16 * 8));
  ldmatrix_transposed(right, shared_address(s + 256 + t % 16 * 8));
  float c[4] = {};
  mma(c, left, right[0], right[1]);
  for (int i = 0; i < 4; i++) a.y[(t / 4 + i / 2 * 8) * 8 + t % 4 * 2 + i % 2] = c[i];
}
KERNEL(product_of_matrices, 32, Args, product)

// The same with b by columns [8, 16], read as it lies, in one instruction of four matrices.
DEVICE void product_columns(const Args& a) {
  bf16* s = (bf16*)shared_memory();
  int t = threadIdx.x;
  for (int i = t; i < 256; i += 32) s[i] = from_float<bf16>(a.x[i]);
  for (int i = t; i < 128; i += 32) s[256 + i % 8 * 16 + i / 8] = from_float<bf16>(a.x[256 + i]);
  sync_warp();
  u32 left[4], right[2], both[4];
  ldmatrix_transposed(both, shared_address(s + t % 16 * 16 + t / 16 * 8));  // of the transpose, then put right by hand
  ldmatrix(left, shared_address(s + t % 16 * 16 + t / 16 * 8));
  ldmatrix(right, shared_address(s + 256 + t % 8 * 16 + t / 8 % 2 * 8));
  float c[4] = {};
  mma(c, left, right[0], right[1]);
  for (int i = 0; i < 4; i++) a.y[(t / 4 + i / 2 * 8) * 8 + t % 4 * 2 + i % 2] = c[i];
  // Matrix 0 transposed: lane t holds elements (2(t%4), t/4) and (2(t%4)+1, t/4) of the top left quarter.
  a.y[128 + t] = to_float(bf16{(u16)both[0]}) - to_float(s[t % 4 * 2 * 16 + t / 4]);
  a.y[160 + t] = to_float(bf16{(u16)(both[0] >> 16)}) - to_float(s[(t % 4 * 2 + 1) * 16 + t / 4]);
}
KERNEL(product_of_columns, 32, Args, product_columns)

// Sixteen words of each kind of exchange.
DEVICE void exchanges(const Args& a) {
  int t = threadIdx.x;
  u32* y = (u32*)a.y;
  y[t] = shuffle((u32)t, (t + 3) % 40);
  y[32 + t] = shuffle_xor((u32)t, 5);
  y[64 + t] = shuffle_down((u32)t, 4);
  y[96 + t] = shuffle_up((u32)t, 4);
  y[128 + t] = ballot(t % 3 == 0);
  y[160 + t] = (u32)(shuffle((i64)t << 40, 7) >> 40);
}
KERNEL(exchange_lanes, 32, Args, exchanges)

// x as bf16, and through it; as f16, and through it; two to the x; the smaller of x and 1.
DEVICE void numbers(const Args& a) {
  for (int i = threadIdx.x; i < a.n; i += 32) {
    float x = a.x[i];
    a.y[i] = to_float(from_float<bf16>(x));
    a.y[a.n + i] = to_float(from_float<f16>(x));
    a.y[2 * a.n + i] = exp2_fast(x);
    a.y[3 * a.n + i] = smaller_or_nan(x, 1);
  }
}
KERNEL(round_numbers, 32, Args, numbers)

// Copies of 4 and of 16 bytes, whole and in part; groups end in order.
DEVICE void copies(const Args& a) {
  float* s = (float*)shared_memory();
  int t = threadIdx.x;
  copy_async16(shared_address(s + t * 4), a.x + t * 4, t < 16 ? 16 : t < 24 ? 8 : 0);
  copy_async_commit();
  copy_async4(shared_address(s + 128 + t), a.x + t, t % 2 * 4);
  copy_async_commit();
  copy_async_wait<1>();
  for (int i = 0; i < 4; i++) a.y[t * 4 + i] = s[t * 4 + i];
  copy_async_wait<0>();
  a.y[128 + t] = s[128 + t];
}
KERNEL(copy_groups, 32, Args, copies)

// The order in which threads come.
DEVICE void tickets(const Args& a) {
  sync_block();
  a.y[threadIdx.x] = atomic_add(a.counter, 1);
}
KERNEL(take_tickets, 64, Args, tickets)

DEVICE void read(const Args& a) { a.y[threadIdx.x] = a.x[0]; }
KERNEL(read_first, 32, Args, read)
DEVICE void read_bytes(const Args& a) { a.y[threadIdx.x] = ((const u8*)a.x)[a.n]; }
KERNEL(read_byte, 32, Args, read_bytes)

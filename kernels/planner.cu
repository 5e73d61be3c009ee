// What an iteration of the cross-entropy method (Rubinstein 1999) does beside the model, in the device's memory: draws candidates, prices the futures
// that the model imagined, refits the Gaussian to the best. Nothing of it goes by the host, not even which iteration it is, so that an iteration can be
// captured and replayed. The same numbers as Backends/HostCem.cs.
//
// P problems, N candidates each, of L = H A numbers; embeddings are D wide. cem_sample writes P N L floats and takes 40 double operations a number;
// cem_score reads P N H D elements once; cem_refit reads P (N + E L) floats, a block a problem: microseconds each, what counts is that they are three
// launches and no wait.
#include "philox.cuh"
#include "reduce.cuh"
#include "sort.cuh"

struct CemArgs {
  float* candidates;      // [P, N, L]
  const float* costs;     // [P, N]
  float *mean, *std;      // [P, L]
  float *best, *plan;     // [P], [P, L]: the lowest cost any iteration saw, and whose it was
  const PhiloxKey* keys;  // [P]
  u64* iteration;         // cem_refit counts it on
  i32 count, length, elites;
  float min_std, bound;
};

// Four numbers a thread, which are one Philox block; a row of blocks a problem. Candidate 0 is the mean itself.
DEVICE void sample(const CemArgs& a) {
  u32 problem = blockIdx.y, block = blockIdx.x * blockDim.x + threadIdx.x, size = a.count * a.length;
  if (4 * block >= size) return;
  PhiloxBlock random = philox(child(a.keys[problem], *a.iteration), block);
  double number[4];
  normal_pair(random.word[0], random.word[1], number[0], number[1]);
  normal_pair(random.word[2], random.word[3], number[2], number[3]);
  float* to = a.candidates + (i64)problem * size;
  const float *mean = a.mean + (i64)problem * a.length, *std = a.std + (i64)problem * a.length;
#pragma unroll
  for (int j = 0; j < 4; j++) {
    u32 at = 4 * block + j, i = at % a.length;
    if (at >= size) return;
    to[at] = at < a.length ? mean[i] : fminf(fmaxf(fmaf(std[i], (float)number[j], mean[i]), -a.bound), a.bound);
  }
}

struct CemScoreArgs {
  const REAL* path;   // [P N, H, D]: embeddings a candidate passes
  const REAL* goals;  // [P, D]
  float* costs;       // [P N]
  i64 candidate_stride, step_stride;
  i32 candidates, count;  // P N, N
  i32 steps, width;
  i32 nearest;        // PathCost: the last step's squared distance, or the smallest and a little of the mean
  float mean_weight;
};

// A warp a candidate.
DEVICE void score(const CemScoreArgs& a) {
  u32 candidate = blockIdx.x * 8 + warp_id();
  if (candidate >= a.candidates) return;
  const REAL* goal = a.goals + (i64)(candidate / a.count) * a.width;
  float smallest = 0, total = 0, last = 0;
  for (int step = a.nearest ? 0 : a.steps - 1; step < a.steps; step++) {
    const REAL* z = a.path + candidate * a.candidate_stride + step * a.step_stride;
    float sum = 0;
    for (int i = lane_id(); i < a.width; i += 32) {
      float difference = to_float(z[i]) - to_float(goal[i]);
      sum = fmaf(difference, difference, sum);
    }
    last = warp_sum(sum);
    smallest = step == 0 ? last : fminf(smallest, last);
    total += last;
  }
  if (lane_id() == 0) a.costs[candidate] = a.nearest ? smallest + a.mean_weight / a.steps * total : last;
}

// A cost and whose it is as one number that sorts: by cost, equal ones by index; what is no finite number comes last, and is no elite.
constexpr u32 LAST = 0xff800000u;
DEVICE u64 rank_key(float cost, u32 index) {
  u32 bits = (as_bits(cost) & 0x7f800000u) == 0x7f800000u ? 0x7f800000u : cost == 0 ? 0 : as_bits(cost);
  return (u64)(bits >> 31 ? ~bits : bits | 1u << 31) << 32 | index;
}

// A block of 256 a problem; shared memory holds a key for every candidate and up to the next power of 2.
DEVICE void refit(const CemArgs& a) {
  u64* keys = (u64*)shared_memory();
  i64 problem = blockIdx.x;
  const float *costs = a.costs + problem * a.count, *candidates = a.candidates + problem * a.count * a.length;
  int length = sort_length(a.count);
  for (int i = threadIdx.x; i < length; i += 256) keys[i] = i < a.count ? rank_key(costs[i], i) : ~0ull;
  block_sort<256>(keys, length);
  int elites = a.elites;
  while (elites > 0 && keys[elites - 1] >> 32 >= LAST) elites--;
  u32 first = (u32)keys[0];
  bool better = elites > 0 && costs[first] < a.best[problem];
  sync_block();
  if (better && threadIdx.x == 0) a.best[problem] = costs[first];
  for (int i = threadIdx.x; elites > 0 && i < a.length; i += 256) {
    if (better) a.plan[problem * a.length + i] = candidates[first * a.length + i];
    double sum = 0, squares = 0;
    for (int e = 0; e < elites; e++) sum += candidates[(u32)keys[e] * a.length + i];
    double average = sum / elites;
    for (int e = 0; e < elites; e++) {
      double off = candidates[(u32)keys[e] * a.length + i] - average;
      squares += off * off;
    }
    a.mean[problem * a.length + i] = (float)average;
    a.std[problem * a.length + i] = fmaxf(a.min_std, (float)sqrt(squares / larger(1, elites - 1)));
  }
  if (problem == 0 && threadIdx.x == 0) ++*a.iteration;
}

KERNEL(cem_sample, 256, CemArgs, sample)
KERNEL(cem_score, 256, CemScoreArgs, score)
KERNEL(cem_refit, 256, CemArgs, refit)

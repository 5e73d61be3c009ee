// Where threads meet: barriers of the block, and the lanes of a warp in one instruction. Each returns when all that take part have come;
// a thread that has ended takes part in nothing any more.
#include <bit>
#include <cstring>

#include "access.h"

namespace simulator {

enum Meeting : u32 { SYNC_WARP, SHUFFLE, BALLOT, LDMATRIX, MMA };
static const char* const MEETING_NAMES[] = {"sync_warp", "shuffle", "ballot", "ldmatrix", "mma"};

// What a lane brings to an instruction of its warp and takes from it. A lane can be one instruction ahead of another, never two: slots alternate.
struct Slot {
  U32x4 a;
  F32x4 c;
  u64 value;
};
struct Warp {
  u32 alive, arrived, generation, kind;
  const void* site;
  int detail;  // of ldmatrix: how many matrices, and bit 8 when transposed
  u32 present[2];
  Slot slots[2][LANES];
};
struct Barrier {
  u32 waiting, wanted;
  const void* site;
  u16 threads[MAX_THREADS];
};

static Warp warps[MAX_THREADS / LANES];
static Barrier barriers[NAMED_BARRIERS];
static u32 alive;

void begin_collectives() {
  alive = launch.threads;
  for (u32 w = 0; w < launch.threads / LANES; w++) warps[w].alive = ~0u, warps[w].arrived = warps[w].generation = 0;
  for (Barrier& b : barriers) b.waiting = 0;
}

// Meetings of a warp ----------------------------------------------------------------------------------------------------------------------

static void finish_meeting(Warp& warp, u32 first_thread);

static bool same_line(const void* a, const void* b) { return a == b || source_of(a) == source_of(b); }

static void wait_at(const void* site, const char* what) {
  current->site = site;
  current->waits_for = what;
  suspend();
  current->waits_for = nullptr;
}

static void meet(u32 kind, const void* site) {
  Warp& warp = warps[warp_of(current)];
  u32 bit = 1u << lane_of(current);
  if (warp.arrived == 0) warp.kind = kind, warp.site = site, warp.present[warp.generation & 1] = 0;
  if (warp.kind != kind || (kind != SYNC_WARP && !same_line(warp.site, site))) {
    report(FAULT_LAUNCH, std::string("this lane comes to ") + MEETING_NAMES[kind] + " while others of its warp are at " + MEETING_NAMES[warp.kind] +
           " (" + source_of(warp.site) + "): bring all 32 lanes to the same instruction", site);
    abandon_launch();
  }
  warp.arrived |= bit;
  if (warp.arrived == warp.alive) finish_meeting(warp, current->thread & ~(LANES - 1));
  else return wait_at(site, MEETING_NAMES[kind]);
  give_way();
}

// Rows are read as if each by the lane that names it.
static void load_matrices(Warp& warp, u32 first_thread, Slot* slots) {
  int matrices = warp.detail & 255;
  bool transposed = warp.detail >> 8;
  for (int i = 0; i < matrices * 8; i++) {
    become(first_thread + (u32)i);
    check_shared(slots[i].value, 16, READ, warp.site, "ldmatrix");
  }
  become(current->thread);
  for (u32 lane = 0; lane < LANES; lane++) {
    for (int m = 0; m < matrices; m++) {
      u16 pair[2];
      for (u32 e = 0; e < 2; e++) {
        u32 row = transposed ? lane % 4 * 2 + e : lane / 4, column = transposed ? lane / 4 : lane % 4 * 2 + e;
        memcpy(&pair[e], arena + slots[m * 8 + row].value + column * 2, 2);
      }
      slots[lane].a[m] = (u32)pair[1] << 16 | pair[0];
    }
  }
}

static float widen(u32 bits) { return std::bit_cast<float>(bits << 16); }

static void multiply_matrices(Slot* slots) {
  alignas(64) float a[16][16], b[16][8];
  for (u32 lane = 0; lane < LANES; lane++) {
    u32 g = lane / 4, q = lane % 4 * 2;
    for (u32 r = 0; r < 4; r++) {
      u32 row = g + r % 2 * 8, column = q + r / 2 * 8;
      a[row][column] = widen(slots[lane].a[r] & 0xffff), a[row][column + 1] = widen(slots[lane].a[r] >> 16);
    }
    for (u32 r = 0; r < 4; r++) b[q + r % 2 + r / 2 * 8][g] = widen((u32)(slots[lane].value >> r * 16) & 0xffff);
  }
  for (u32 row = 0; row < 16; row++) {
    float sum[8];
    for (u32 n = 0; n < 8; n++) sum[n] = slots[row % 8 * 4 + n / 2].c[row / 8 * 2 + n % 2];
    for (u32 k = 0; k < 16; k++)
      for (u32 n = 0; n < 8; n++) sum[n] += a[row][k] * b[k][n];
    for (u32 n = 0; n < 8; n++) slots[row % 8 * 4 + n / 2].c[row / 8 * 2 + n % 2] = sum[n];
  }
}

static void finish_meeting(Warp& warp, u32 first_thread) {
  Slot* slots = warp.slots[warp.generation & 1];
  if (warp.kind >= LDMATRIX && warp.arrived != ~0u) {
    report(FAULT_LAUNCH, std::string("a warp comes to ") + MEETING_NAMES[warp.kind] + " without the lanes that have ended; it takes all 32", warp.site);
    abandon_launch();
  }
  if (warp.kind == SYNC_WARP) join_warp(first_thread, warp.arrived);
  if (warp.kind == LDMATRIX) load_matrices(warp, first_thread, slots);
  if (warp.kind == MMA) multiply_matrices(slots);
  warp.present[warp.generation & 1] = warp.arrived;
  warp.generation++;
  for (u32 lane = 0; lane < LANES; lane++)
    if (warp.arrived >> lane & 1 && &fibers[first_thread + lane] != current) make_ready(&fibers[first_thread + lane]);
  warp.arrived = 0;
}

// Barriers of a block -----------------------------------------------------------------------------------------------------------------------

static void open(Barrier& barrier) {
  if (&barrier == barriers) join_block();
  else join_threads(barrier.threads, barrier.waiting);
  for (u32 i = 0; i < barrier.waiting; i++)
    if (&fibers[barrier.threads[i]] != current) make_ready(&fibers[barrier.threads[i]]);
  barrier.waiting = 0;
}

static void come_to(Barrier& barrier, u32 wanted, const void* site, const char* what) {
  if (barrier.waiting == 0) barrier.site = site;
  else if (&barrier == barriers && !same_line(barrier.site, site)) {
    report(FAULT_LAUNCH, std::string("this thread comes to sync_block while others are at the one in ") + source_of(barrier.site) +
           ": bring all threads of the block to the same barrier, or use sync_named", site);
    abandon_launch();
  }
  barrier.threads[barrier.waiting++] = (u16)current->thread;
  barrier.wanted = wanted;
  if (barrier.waiting == wanted) open(barrier);
  else return wait_at(site, what);
  give_way();
}

void thread_ended(Fiber* fiber) {
  alive--;
  Warp& warp = warps[warp_of(fiber)];
  warp.alive &= ~(1u << lane_of(fiber));
  if (warp.arrived != 0 && warp.arrived == warp.alive) finish_meeting(warp, fiber->thread & ~(LANES - 1));
  if (barriers[0].waiting > 0 && barriers[0].waiting == alive) open(barriers[0]);
}

// No thread can go on although some have not ended: says where they wait.
void report_deadlock() {
  std::string places;
  const void* first = nullptr;
  u32 waiting = 0;
  for (u32 t = 0; t < launch.threads; t++) {
    Fiber& fiber = fibers[t];
    if (fiber.finished) continue;
    if (waiting++ == 0) first = fiber.site;
    bool again = lane_of(&fiber) > 0 && !fibers[t - 1].finished && fibers[t - 1].site == fiber.site;
    if (!again) places += (places.empty() ? "thread " : "; thread ") + std::to_string(t) + " and on at " + fiber.waits_for + " (" + source_of(fiber.site) + ")";
  }
  std::string count = std::to_string(waiting) + " of " + std::to_string(launch.threads) + " threads wait for ever";
  if (waiting < launch.threads) count += ", the others have ended";
  report(FAULT_LAUNCH, count + ": " + places + ": bring all threads to the same barrier", first);
}

#define SITE __builtin_return_address(0)

EXPORT void sim_sync_block() { come_to(barriers[0], alive, SITE, "sync_block"); }
EXPORT void sim_sync_named(int id, int threads) {
  if (id < 1 || id >= (int)NAMED_BARRIERS || threads % LANES != 0 || (barriers[id].waiting > 0 && barriers[id].wanted != (u32)threads)) {
    std::string call = "sync_named(" + std::to_string(id) + ", " + std::to_string(threads) + ")";
    report(FAULT_LAUNCH, call + ": takes an id from 1 to 15 and one multiple of 32 threads", SITE);
    abandon_launch();
  }
  come_to(barriers[id], (u32)threads, SITE, "sync_named");
}
EXPORT void sim_sync_warp() { meet(SYNC_WARP, SITE); }

EXPORT u64 sim_shuffle(u64 value, u32 kind, int operand) {
  Warp& warp = warps[warp_of(current)];
  u32 parity = warp.generation & 1, lane = lane_of(current), source = lane;
  warp.slots[parity][lane].value = value;
  meet(SHUFFLE, SITE);
  if (kind == 0) source = (u32)operand & 31;
  if (kind == 1) source = (lane ^ (u32)operand) & 31;
  if (kind == 2 && lane + (u32)operand < LANES) source = lane + (u32)operand;
  if (kind == 3 && (u32)operand <= lane) source = lane - (u32)operand;
  if ((warp.present[parity] >> source & 1) == 0) {
    report(FAULT_LAUNCH, "a shuffle reads lane " + std::to_string(source) + ", which has ended; keep every lane until the last shuffle", SITE);
    abandon_launch();
  }
  return warp.slots[parity][source].value;
}

EXPORT u32 sim_ballot(bool value) {
  Warp& warp = warps[warp_of(current)];
  u32 parity = warp.generation & 1, votes = 0;
  warp.slots[parity][lane_of(current)].value = value;
  meet(BALLOT, SITE);
  for (u32 lane = 0; lane < LANES; lane++)
    if (warp.present[parity] >> lane & 1) votes |= (u32)warp.slots[parity][lane].value << lane;
  return votes;
}

EXPORT U32x4 sim_ldmatrix(u32 address, int matrices, bool transposed) {
  Warp& warp = warps[warp_of(current)];
  Slot& slot = warp.slots[warp.generation & 1][lane_of(current)];
  slot.value = address;
  warp.detail = matrices | transposed << 8;
  meet(LDMATRIX, SITE);
  return slot.a;
}

EXPORT F32x4 sim_mma(F32x4 c, U32x4 a, u64 b) {
  Warp& warp = warps[warp_of(current)];
  Slot& slot = warp.slots[warp.generation & 1][lane_of(current)];
  slot.a = a, slot.c = c, slot.value = b;
  meet(MMA, SITE);
  return slot.c;
}

}  // namespace simulator

// Findings: what is wrong, in which block and thread, and at which line.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <set>

#include "order.h"

namespace simulator {

constexpr int MAX_FINDINGS = 8;  // of one launch; what follows the first few is mostly their consequence

// A launch runs on the thread that asks for it, and so does the question what was found.
static thread_local std::string pending;
static thread_local int pending_count;
static int launch_count;
static Fault launch_fault;
static std::map<const void*, std::string> sources;
static std::set<std::pair<const void*, const void*>> named;

void begin_findings() {
  launch_count = 0;
  launch_fault = {};
  named.clear();
}
bool first_time(const void* site, const void* other) { return named.insert({site, other}).second; }
int findings_of_launch() { return launch_count > 0 ? launch_fault : 0; }

static std::string run(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  char line[4096];
  while (fgets(line, sizeof line, pipe) != nullptr) output += line;
  pclose(pipe);
  return output;
}

// "layernorm.cu:31", of the call that returns to `site`. Inlined into one another, the frames come innermost first; ptx.cuh's and machine.h's say nothing.
std::string source_of(const void* site) {
  auto known = sources.find(site);
  if (known != sources.end()) return known->second;
  std::string text = "line unknown: no addr2line";
  Dl_info info;
  if (dladdr(site, &info) != 0) {
    char path[512], command[640];
    ssize_t length = readlink(info.dli_fname, path, sizeof path - 1);
    if (length < 0 || strncmp(info.dli_fname, "/proc/self/fd/", 14) == 0) snprintf(path, sizeof path, "%s", info.dli_fname);
    else path[length] = 0;
    if (strncmp(path, "/proc/self/", 11) == 0) snprintf(path, sizeof path, "/proc/%d/%s", (int)getpid(), info.dli_fname + 11);
    snprintf(command, sizeof command, "addr2line -i -e %s 0x%zx 2>/dev/null", path, (size_t)((const u8*)site - (const u8*)info.dli_fbase) - 1);
    std::string frames = run(command);
    for (size_t start = 0, end; start < frames.size(); start = end + 1) {
      end = frames.find('\n', start);
      std::string frame = frames.substr(start, end - start);
      frame = frame.substr(frame.rfind('/') + 1);
      frame = frame.substr(0, frame.find(' '));
      if (frame.rfind("ptx.cuh", 0) == 0 || frame.rfind("machine.h", 0) == 0 || frame.rfind("??", 0) == 0) continue;
      text = frame;
      break;
    }
  }
  return sources[site] = text;
}

void add_to_report(const std::string& line) {
  pending_count++;
  pending += line + "\n";
}

void forget_sources() { sources.clear(); }

bool is_constant_of(const void* site, const void* address) {
  Dl_info ours, its;
  return dladdr(site, &ours) != 0 && dladdr(address, &its) != 0 && ours.dli_fbase == its.dli_fbase;
}

void report(Fault fault, const std::string& text, const void* site) {
  if (launch_count == 0) launch_fault = fault;
  std::string line = std::string(launch.name) + ", block " + block_name((block_index.z * launch.grid.y + block_index.y) * launch.grid.x + block_index.x);
  if (current != nullptr) line += ", thread " + std::to_string(now.thread);
  line += ", " + source_of(site) + ": " + text;
  launch_count++;
  add_to_report(line);
  if (launch_count >= MAX_FINDINGS && current != nullptr) abandon_launch();
}

EXPORT int simReport(char* text, int size) {
  int count = pending_count;
  if (size > 0) snprintf(text, (size_t)size, "%s", pending.c_str());
  pending.clear();
  pending_count = 0;
  return count;
}

}  // namespace simulator

// Streams, events and graphs. A stream does its work before the call returns; while it captures, it records instead.
#include <chrono>

#include "driver.h"

namespace simulator {

static Stream default_stream;
static Stream* capturing_stream;

u64 nanoseconds() { return (u64)std::chrono::steady_clock::now().time_since_epoch().count(); }
bool capturing() { return capturing_stream != nullptr; }

int submit(Stream* stream, Work&& work) {
  if (stream == nullptr) stream = &default_stream;
  if (stream->capture == nullptr) return perform(work);
  stream->capture->nodes.push_back(std::move(work));
  return SUCCESS;
}

EXPORT int cuStreamCreate(Stream** stream, u32) {
  ENTER("cuStreamCreate");
  *stream = new Stream();
  return SUCCESS;
}
EXPORT int cuStreamDestroy_v2(Stream* stream) {
  ENTER("cuStreamDestroy_v2");
  if (stream == nullptr) return INVALID_HANDLE;
  if (stream == capturing_stream) capturing_stream = nullptr;
  delete stream;
  return SUCCESS;
}
EXPORT int cuStreamSynchronize(Stream*) {
  ENTER_SYNCHRONISING("cuStreamSynchronize");
  return SUCCESS;
}
EXPORT int cuStreamQuery(Stream*) {
  ENTER_SYNCHRONISING("cuStreamQuery");
  return SUCCESS;
}
EXPORT int cuStreamWaitEvent(Stream*, Event*, u32) {
  ENTER("cuStreamWaitEvent");
  return SUCCESS;
}

EXPORT int cuEventCreate(Event** event, u32) {
  ENTER("cuEventCreate");
  *event = new Event{0};
  return SUCCESS;
}
EXPORT int cuEventDestroy_v2(Event* event) {
  ENTER("cuEventDestroy_v2");
  delete event;
  return SUCCESS;
}
EXPORT int cuEventRecord(Event* event, Stream*) {
  ENTER("cuEventRecord");
  event->nanoseconds = nanoseconds();
  return SUCCESS;
}
EXPORT int cuEventQuery(Event*) {
  ENTER_SYNCHRONISING("cuEventQuery");
  return SUCCESS;
}
EXPORT int cuEventSynchronize(Event*) {
  ENTER_SYNCHRONISING("cuEventSynchronize");
  return SUCCESS;
}
EXPORT int cuEventElapsedTime(float* milliseconds, Event* start, Event* end) {
  ENTER("cuEventElapsedTime");
  if (start->nanoseconds == 0 || end->nanoseconds == 0) return INVALID_HANDLE;
  *milliseconds = (float)((double)(i64)(end->nanoseconds - start->nanoseconds) * 1e-6);
  return SUCCESS;
}

EXPORT int cuStreamBeginCapture_v2(Stream* stream, int) {
  ENTER("cuStreamBeginCapture_v2");
  if (stream == nullptr) return CAPTURE_UNSUPPORTED;  // the legacy stream cannot be captured
  if (stream->capture != nullptr) return ILLEGAL_STATE;
  stream->capture = std::make_unique<Graph>();
  capturing_stream = stream;
  return SUCCESS;
}
EXPORT int cuStreamEndCapture(Stream* stream, Graph** graph) {
  ENTER("cuStreamEndCapture");
  if (stream == nullptr || stream->capture == nullptr) return ILLEGAL_STATE;
  *graph = stream->capture.release();
  capturing_stream = nullptr;
  return SUCCESS;
}
EXPORT int cuStreamIsCapturing(Stream* stream, int* status) {
  ENTER("cuStreamIsCapturing");
  *status = stream != nullptr && stream->capture != nullptr;
  return SUCCESS;
}
EXPORT int cuGraphInstantiateWithFlags(Graph** executable, Graph* graph, u64) {
  ENTER("cuGraphInstantiateWithFlags");
  *executable = new Graph(*graph);
  return SUCCESS;
}
EXPORT int cuGraphLaunch(Graph* executable, Stream* stream) {
  ENTER("cuGraphLaunch");
  if (capturing()) return CAPTURE_UNSUPPORTED;
  (void)stream;
  for (const Work& work : executable->nodes)
    if (int error = perform(work)) return error;
  return SUCCESS;
}
EXPORT int cuGraphExecDestroy(Graph* executable) {
  ENTER("cuGraphExecDestroy");
  delete executable;
  return SUCCESS;
}
EXPORT int cuGraphDestroy(Graph* graph) {
  ENTER("cuGraphDestroy");
  delete graph;
  return SUCCESS;
}
EXPORT int cuGraphGetNodes(Graph* graph, void** nodes, size_t* count) {
  ENTER("cuGraphGetNodes");
  if (nodes != nullptr)
    for (size_t i = 0; i < *count && i < graph->nodes.size(); i++) nodes[i] = &graph->nodes[i];
  else *count = graph->nodes.size();
  return SUCCESS;
}

}  // namespace simulator

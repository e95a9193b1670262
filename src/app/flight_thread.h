// The thread that encrypts and keeps what the gateway captures, off every exchange's path.
#pragma once

#include "gateway/capture.h"
#include "net/loop.h"
#include "store/flight_recorder.h"

#include <atomic>
#include <cstdint>
#include <thread>

namespace cordon::app {

/// Made and destroyed on the main thread; gateways that use it have stopped by then. What comes
/// faster than it can be kept is dropped, and counted in the log.
class FlightThread final : public gateway::CaptureSink {
 public:
  /// The clock, the disk and the random source outlive it.
  FlightThread(store::FlightOptions options, const crypto::SealKey& key, const Clock& clock,
               journal::Disk& disk, Random& random);
  ~FlightThread() override;
  FlightThread(const FlightThread&) = delete;
  FlightThread& operator=(const FlightThread&) = delete;

  void keep(gateway::Captured captured) override;

 private:
  net::Task<void> forget_in_time();
  void note_dropped();

  net::Loop loop_;
  net::Scope scope_;
  store::FlightRecorder recorder_;
  std::atomic<std::uint64_t> waiting_bytes_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_;
};

}  // namespace cordon::app

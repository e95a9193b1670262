#include "app/flight_thread.h"

#include "base/log.h"
#include "replay/capture.h"

namespace cordon::app {
namespace {

constexpr std::uint64_t kWaitingBytesMax = std::uint64_t{16} << 20U;
constexpr std::chrono::seconds kForgetEvery{30};

std::string record_of(gateway::Captured& captured) {
  replay::CapturedExchange exchange;
  exchange.exchange = std::move(captured.exchange);
  exchange.at = captured.at;
  exchange.route = std::move(captured.route);
  exchange.provider = std::move(captured.provider);
  exchange.model = std::move(captured.model);
  exchange.tenant = std::move(captured.tenant);
  exchange.use_case = std::move(captured.use_case);
  exchange.mode = captured.mode;
  for (gateway::CapturedText& text : captured.texts) {
    exchange.texts.push_back({text.part, std::move(text.text)});
  }
  return replay::write(exchange);
}

}  // namespace

FlightThread::FlightThread(store::FlightOptions options, const crypto::SealKey& key,
                           const Clock& clock, journal::Disk& disk, Random& random)
    : loop_(clock), scope_(loop_), recorder_(std::move(options), key, clock, disk, random) {
  loop_.post([this] { net::spawn(scope_, forget_in_time()); });
  thread_ = std::thread([this] { loop_.run(); });
}

FlightThread::~FlightThread() {
  loop_.post([this] {
    scope_.stop();
    loop_.stop();
  });
  thread_.join();
  net::run_blocking(loop_, scope_.join());
}

void FlightThread::keep(gateway::Captured captured) {
  const std::uint64_t bytes = captured.bytes + 256;
  if (waiting_bytes_.fetch_add(bytes) + bytes > kWaitingBytesMax) {
    waiting_bytes_.fetch_sub(bytes);
    dropped_.fetch_add(1);
    return;
  }
  const auto kept = std::make_shared<gateway::Captured>(std::move(captured));
  loop_.post([this, kept, bytes] {
    const Status done = recorder_.keep(record_of(*kept));
    if (!done) dropped_.fetch_add(1);
    waiting_bytes_.fetch_sub(bytes);
  });
}

void FlightThread::note_dropped() {
  const std::uint64_t dropped = dropped_.exchange(0);
  if (dropped > 0) log::warn("captures_dropped", {{"count", dropped}});
}

net::Task<void> FlightThread::forget_in_time() {
  while (!scope_.stopping()) {
    const Status forgotten = recorder_.forget();
    if (!forgotten) log::error("flight_not_forgotten", {{"detail", forgotten.error().detail}});
    note_dropped();
    const Status slept = co_await net::sleep(scope_, kForgetEvery);
    if (!slept) break;
  }
}

}  // namespace cordon::app

// Real clients: they send chat completions through the gateway, read the answers to their last
// byte, and write down what they saw. What they saw is what the demo's claims are held against.
#pragma once

#include "base/random.h"
#include "net/client.h"
#include "net/loop.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cordon::cli::internal {

/// How an exchange ended, as its client saw it.
enum class Ending : std::uint8_t {
  running,
  complete,  ///< the whole answer
  filtered,  ///< policy withheld it
  killed,    ///< a stream was cut: error frame, no proper end
  refused,   ///< switched off before it began
  down,      ///< no connection, or it broke, or the node is not ready yet
  failed,    ///< anything else
};
[[nodiscard]] std::string_view to_string(Ending ending) noexcept;

/// One request and what became of it.
struct Sent {
  std::string_view route;
  bool streamed = false;
  MonoTime begun{};
  MonoTime last_byte{};
  Ending ending = Ending::running;
  int status = 0;
  std::string code;       ///< of an error: `switched_off`
  std::string served_by;  ///< provider/model, as the gateway's header names it
  bool leaked = false;    ///< the text that arrived holds a whole leak text
};

/// Whether an answer holds one of the texts that the simulator leaks. Immutable; moves, because
/// the index points into the texts.
class LeakFinder {
 public:
  explicit LeakFinder(std::vector<std::string> texts);
  LeakFinder(LeakFinder&&) = default;
  LeakFinder(const LeakFinder&) = delete;
  LeakFinder& operator=(const LeakFinder&) = delete;
  [[nodiscard]] bool holds_any(std::string_view answer) const;

 private:
  std::vector<std::string> texts_;
  std::unordered_multimap<std::string_view, std::size_t> by_beginning_;
};

/// Clients of one route under one tenant's key.
struct Crowd {
  std::string_view route;
  std::string key;
  std::size_t streaming = 0;  ///< clients that stream
  std::size_t plain = 0;      ///< clients that do not
};

/// All clients. Loop thread only; stop() and the scope's join come before its end.
class Traffic {
 public:
  Traffic(net::Scope& scope, std::uint16_t gateway_port, LeakFinder leaks, std::uint64_t seed);
  /// Starts the clients of a crowd. May be called several times, before or after others run.
  void start(const Crowd& crowd);
  /// From now on every other question on that route is one of these texts.
  void attack(std::string_view route, std::vector<std::string> texts);
  /// Clients end after the exchange they are in.
  void stop() noexcept { stopping_ = true; }
  [[nodiscard]] std::size_t clients() const noexcept { return clients_; }

  /// Every exchange so far, oldest first. Entries stay where they are.
  [[nodiscard]] const std::deque<Sent>& sent() const noexcept { return sent_; }

 private:
  struct Client {
    std::string_view route;
    std::string key;
    bool streamed = false;
    std::uint64_t seed = 0;
  };
  net::Task<void> run(Client client);
  net::Task<void> exchange(const Client& client, std::string question, Sent& record);
  net::Task<void> read_stream(net::ClientExchange& answer, Sent& record);
  net::Task<void> read_whole(net::ClientExchange& answer, Sent& record);

  net::Scope& scope_;
  net::Upstream gateway_;
  LeakFinder leaks_;
  SeededRandom seeds_;
  std::deque<Sent> sent_;
  std::string attacked_;
  std::vector<std::string> attacks_;
  std::size_t clients_ = 0;
  bool stopping_ = false;
};

}  // namespace cordon::cli::internal

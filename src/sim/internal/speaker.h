// Decides what each request is answered with: scenario, text, tool calls, bytes.
#pragma once

#include "base/random.h"
#include "net/http1.h"
#include "sim/internal/directive.h"
#include "sim/internal/reply.h"
#include "sim/internal/request.h"
#include "sim/provider.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cordon::sim {

/// Everything that is to be sent for one request. Owns its bytes, because it outlives the request's
/// turn on the loop.
struct Plan {
  Shape shape = Shape::openai;
  Purpose purpose = Purpose::answer;
  Scenario scenario = Scenario::normal;
  bool streamed = false;
  Stream stream;  ///< of a whole answer only `bytes`
  std::uint32_t chunks_per_write = 0;
  std::string retry_after;  ///< empty: not said
  std::chrono::milliseconds first_delay{0};
  std::chrono::milliseconds chunk_delay{0};
  std::chrono::milliseconds head_delay{0};  ///< after the head of a stream
};

/// The mind of a provider. Loop thread only. Same seed, same requests in the same order: the same
/// answers; requests with a seed of their own are answered alike in any order.
class Speaker {
 public:
  Speaker(std::uint64_t seed, std::vector<std::string> leaks, Behaviour behaviour);

  [[nodiscard]] const Behaviour& behaviour() const noexcept { return behaviour_; }
  /// The count to `drift_after` begins anew.
  void set_behaviour(Behaviour behaviour);
  [[nodiscard]] Counts& counts() noexcept { return counts_; }

  /// Answers a parsed request; takes the marker out of its last text. Refuses a malformed order.
  [[nodiscard]] Result<Plan> plan(Ask& ask, const net::RequestHead& head);

 private:
  [[nodiscard]] Result<Directive> read_order(Ask& ask, const net::RequestHead& head);
  [[nodiscard]] Result<Scenario> choose_scenario(const Ask& ask, const Directive& directive,
                                                 std::uint64_t turn);
  [[nodiscard]] std::string choose_prose(std::uint64_t pick) const;
  [[nodiscard]] std::string choose_said(Scenario scenario, const Ask& ask,
                                        const Directive& directive, Random& random);
  void fill(Reply& reply, Scenario scenario, const Ask& ask, const Directive& directive);

  std::uint64_t seed_;
  std::vector<std::string> leaks_;
  Behaviour behaviour_;
  std::vector<std::string> prose_;
  Counts counts_;
  std::uint64_t leak_turn_ = 0;
  std::uint64_t drift_turn_ = 0;
  /// How often an order with `times` was met, by its text.
  std::unordered_map<std::string, std::uint32_t> met_;
};

}  // namespace cordon::sim

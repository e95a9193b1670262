// A model provider that does what it is told: OpenAI's and Anthropic's shapes, answers from a
// seed, faults on demand. For benches, the demo and tests; it speaks real HTTP on a real port.
#pragma once

#include "base/result.h"
#include "model/incident_class.h"
#include "net/server.h"
#include "sim/behaviour.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::sim {

/// An answer given word for word instead of a generated one; for tests.
struct Scripted {
  /// What follows the last piece.
  enum class Then : std::uint8_t { complete, cut, stall };
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::string> pieces;  ///< each is one write; one alone is sent whole
  std::chrono::milliseconds delay{0};
  Then then = Then::complete;
  std::string extra_header;  ///< `name: value`, or empty
};

/// Everything a provider is made from.
struct Options {
  net::ServerOptions server;
  std::uint64_t seed = 1;
  Behaviour behaviour;
  std::vector<std::string> leaks;  ///< empty: made by the seed
  std::vector<std::string> models{"sim-small", "sim-large"};
  bool keep_last_request = false;
};

/// What happened since the start.
struct Counts {
  std::uint64_t completions = 0;  ///< requests received, for whatever is answered
  std::uint64_t messages = 0;     ///< of these, for messages
  std::uint64_t streams = 0;      ///< of these, streamed
  std::uint64_t tool_calls = 0;   ///< asked for by answers
  std::uint64_t leaked = 0;       ///< answers that hold a leak text
  std::uint64_t unsafe = 0;       ///< answers that hold an unsafe sentence
  std::uint64_t refused = 0;      ///< answers under `policy_drift` that say no
  std::uint64_t claimed = 0;      ///< answers under `policy_drift` that claim
  std::uint64_t client_gone = 0;  ///< answers whose reader left
  std::uint64_t connections = 0;  ///< accepted
};

/// What keep_last_request keeps.
struct LastRequest {
  std::string headers;  ///< `name: value` lines
  std::string body;
};

/// A running provider on one loop. Loop thread only, but for making it. Serves
/// `POST /v1/chat/completions`, `/v1/responses`, `/v1/completions`, `/v1/embeddings`,
/// `/v1/messages`, `/v1/messages/count_tokens`, `GET /v1/models`, `GET` and `POST /sim/scenario`,
/// `GET /sim/counts`. For one request, in this order, the headers `x-sim`, `x-sim-scenario` and
/// `x-sim-answer`, a marker `[[sim {...}]]` in its last text, and a model named `sim-SCENARIO`
/// override the behaviour (README.md has them all). Must be stopped before destruction.
class Provider final : public net::Handler {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Provider>> start(net::Loop& loop, Options options);
  ~Provider() override;

  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] const Behaviour& behaviour() const noexcept;
  void set_behaviour(const Behaviour& behaviour);
  /// From now on every completion is answered with this; nullopt: by the behaviour again.
  void set_script(std::optional<Scripted> script);
  [[nodiscard]] Counts counts() const noexcept;
  [[nodiscard]] const LastRequest& last_request() const noexcept;
  /// Cuts what stalls or sleeps, lets the rest end within `grace`.
  [[nodiscard]] net::Task<void> stop(std::chrono::milliseconds grace);

  [[nodiscard]] net::Task<void> handle(net::ServerExchange& exchange) override;

 private:
  struct State;
  std::unique_ptr<State> state_;

 public:
  /// For start().
  explicit Provider(std::unique_ptr<State> state);
};

/// Leak texts of a seed: card numbers, credentials, addresses. Synthetic, and they pass the
/// checks that real ones pass.
[[nodiscard]] std::vector<std::string> make_leaks(std::uint64_t seed, std::size_t count);

/// Harmful texts of a class, from a seed: leaks, attacks as users send them, unsafe sentences, or
/// promises that no policy allows. Each has at least 16 bytes.
[[nodiscard]] std::vector<std::string> make_harmful(model::IncidentClass of_class,
                                                    std::uint64_t seed, std::size_t count);

/// Leak texts from JSON lines: the `text` of every row, or, where rows have a `label`, of those
/// labelled `secret` or `pii`. Refuses as `invalid` a line that is not such an object.
[[nodiscard]] Result<std::vector<std::string>> read_leaks(std::string_view json_lines);

}  // namespace cordon::sim

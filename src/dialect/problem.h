// Every way in which Cordon refuses an exchange, whatever protocol the caller speaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cordon::dialect {

/// Why there is no answer. Status and words are each protocol's own: Protocol::rejection_of().
enum class Problem : std::uint8_t {
  policy_block,   ///< a rule blocked
  switched_off,   ///< not to be retried
  locked_down,    ///< not to be retried
  bad_key,        ///< no key, or nobody's
  unknown_model,  ///< no such route, or not for this tenant
  unknown_path,
  wrong_method,
  malformed,  ///< with the fault's own code and param
  wrong_content_type,
  too_large,
  rate_limited,
  overloaded,
  evidence_unavailable,  ///< the journal does not accept, so nothing is forwarded
  not_ready,             ///< no generation is in force yet
  upstream_error,
  upstream_cut,
  upstream_unreadable,  ///< the provider's answer cannot be inspected
  upstream_timeout,
  exchange_timeout,      ///< longer than the node allows
  wrong_dialect,         ///< no target of the route speaks the caller's protocol
  uninspectable,         ///< there is what no rule can read, and rules are in force
  upstream_unavailable,  ///< no target is asked for now: their breakers are open
  untranslatable,        ///< the dialects of the targets have no equal of what the request holds
};
inline constexpr std::size_t kProblemCount = 23;

/// The fixed part of a refusal.
struct Rejection {
  int status;
  std::string_view type;
  std::string_view code;
  std::string_view message;
  /// `x-should-retry: false`: official SDKs retry 408, 409, 429 and 5xx unless told so, which
  /// would multiply the load of a kill.
  bool forbid_retry;
  int retry_after_s;  ///< 0: no Retry-After
};

/// What differs from case to case. Empty views are left out, or null where a key is required.
struct ErrorDetail {
  std::string_view message = {};  ///< replaces the fixed one
  std::string_view param = {};
  std::string_view code = {};  ///< replaces the fixed one
  std::string_view request_id = {};
  std::string_view decision_id = {};
  std::string_view rule_id = {};
  std::string_view policy_digest = {};
  std::string_view measure_id = {};
  std::optional<std::uint64_t> event_number = {};  ///< of a frame, where events are numbered
};

}  // namespace cordon::dialect

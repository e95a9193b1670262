// Feature flags by the OpenFeature Remote Evaluation Protocol (OFREP): what applications ask about
// a flag, and what holds for them in the generation in force.
//
// The protocol is https://github.com/open-feature/protocol; what Cordon answers is in
// docs/formats/gateway-http.md. A flag that is off has the value `false` and never the reason
// `DISABLED`, which providers take for "use the default of the code": that may be on.
#pragma once

#include "gateway/internal/worker.h"
#include "net/server.h"

#include <tl/expected.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::gateway {

inline constexpr std::string_view kFlagsPath = "/ofrep/v1/evaluate/flags";
inline constexpr std::size_t kFlagBodyBytesMax = 64 * 1024;

/// Whether `path` is kFlagsPath or below it.
[[nodiscard]] bool is_flags_path(std::string_view path) noexcept;

/// What the evaluation context says of the asker's place. Its other members are not read.
struct FlagContext {
  std::string route;
  std::string use_case;
};

/// Why a request is refused. The codes are OpenFeature's.
struct FlagFault {
  std::string_view code;
  std::string_view details;  ///< static
};

/// The flag that a path below kFlagsPath asks for, without its percent-encoding; nothing for an
/// encoding that is broken.
[[nodiscard]] std::optional<std::string> flag_of_path(std::string_view path);

/// Reads `{"context":{"route","use_case","targetingKey",...}}`; an empty body has no context.
/// PARSE_ERROR for what is no JSON object, INVALID_CONTEXT for a context that is none, or one
/// whose `route`, `use_case` or `targetingKey` is no string of at most 128 bytes (`targetingKey`:
/// of any length).
[[nodiscard]] tl::expected<FlagContext, FlagFault> read_flag_context(std::string_view body);

/// Whether one of the entity tags of an If-None-Match field is `etag` (RFC 9110 13.1.2: compared
/// weakly), or the field is `*`.
[[nodiscard]] bool matches_etag(std::string_view field, std::string_view etag) noexcept;

/// Answers a request for a path that is_flags_path().
[[nodiscard]] net::Task<void> serve_flags(Worker& worker, net::ServerExchange& client);

}  // namespace cordon::gateway

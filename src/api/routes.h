// The table of the control API: every path, its method, the role it asks for, and who answers.
//
// The table and src/api/openapi.json say the same; a test compares them.
#pragma once

#include "codec/json.h"
#include "containment/tokens.h"
#include "net/task.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::api {

class ControlPlane;

/// One call, after its token was checked and its body parsed. Lives as long as its answer takes.
struct Call {
  containment::Identity caller;  ///< empty person where no role is asked for
  std::string id;                ///< the `{id}` of the path
  std::map<std::string, std::string, std::less<>> query;
  codec::Json body;  ///< an object for POST, null for GET
};

/// What goes back. `json` unless `text` is set.
struct Reply {
  int status = 200;
  codec::Json json;
  std::optional<std::string> text;
};

/// Of a request's body, unless its row says otherwise.
inline constexpr std::size_t kBodyBytesMax = 256 * 1024;
/// A rulepack of its greatest size, escaped.
inline constexpr std::size_t kPackBodyBytesMax = 4 * 1024 * 1024;

using Handle = net::Task<Result<Reply>> (*)(ControlPlane&, const Call&);

/// One row of the table.
struct Route {
  std::string_view method;
  std::string_view pattern;                ///< `{id}` stands for one path segment
  std::optional<containment::Role> needs;  ///< none: anybody may ask
  Handle handle;
  std::size_t body_bytes_max = kBodyBytesMax;
};

[[nodiscard]] std::span<const Route> routes();

/// The row for a request, with what `{id}` stood for.
struct Found {
  const Route* route = nullptr;
  std::string id;
  bool path_known = false;  ///< some row has this path, with another method
};
[[nodiscard]] Found find_route(std::string_view method, std::string_view path);

/// `a=1&b=2`, percent-decoded. Refuses a key that stands twice, and more than 32, as `invalid`.
[[nodiscard]] Result<std::map<std::string, std::string, std::less<>>> parse_query(
    std::string_view text);

}  // namespace cordon::api

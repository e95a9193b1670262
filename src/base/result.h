// How a failure that a caller can act on travels: as a value, never as an exception.
#pragma once

#include <tl/expected.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace cordon {

/// What kind of failure this is. Closed: logs, the API and exit codes share these names.
enum class Errc : std::uint8_t {
  invalid,      ///< this input can never succeed; do not retry
  not_found,    ///< nothing has that name
  conflict,     ///< the state moved on; read it again, then retry
  corrupt,      ///< stored bytes fail their checksum or their chain
  unavailable,  ///< a peer or the disk did not answer in time; a retry may succeed
  exhausted,    ///< a configured limit was reached
};

/// The word for a code in logs and problem documents.
[[nodiscard]] constexpr std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::invalid:
      return "invalid";
    case Errc::not_found:
      return "not_found";
    case Errc::conflict:
      return "conflict";
    case Errc::corrupt:
      return "corrupt";
    case Errc::unavailable:
      return "unavailable";
    case Errc::exhausted:
      return "exhausted";
  }
  return "invalid";
}

/// The one HTTP status of a code.
[[nodiscard]] constexpr int http_status(Errc code) noexcept {
  constexpr int kStatus[] = {400, 404, 409, 500, 503, 429};
  return kStatus[static_cast<std::size_t>(code)];
}

/// The one process exit code of a code; 0 is success and 1 and 2 belong to the command line.
[[nodiscard]] constexpr int exit_code(Errc code) noexcept {
  return 10 + static_cast<int>(code);
}

/// A failure on its way to someone who can act on it.
struct Error {
  Errc code;
  std::string detail;  ///< for a person; never parsed, never holds prompt text
};

/// A T, or the reason there is none.
template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(Errc code, std::string detail) {
  return tl::make_unexpected(Error{code, std::move(detail)});
}

}  // namespace cordon

// NOLINTBEGIN(bugprone-macro-parentheses,readability-identifier-naming)
#define CORDON_CONCAT_(a, b) a##b
#define CORDON_CONCAT(a, b) CORDON_CONCAT_(a, b)
#define CORDON_TRY_(ret, tmp, var, expr)                     \
  auto tmp = (expr);                                         \
  if (!tmp) ret tl::make_unexpected(std::move(tmp).error()); \
  var = *std::move(tmp)
#define CORDON_CHECK_(ret, tmp, expr) \
  if (auto tmp = (expr); !tmp) ret tl::make_unexpected(std::move(tmp).error())

/// Binds the value of `expr` to `var`, or returns its error from this function.
#define CORDON_TRY(var, expr) CORDON_TRY_(return, CORDON_CONCAT(try_, __LINE__), var, expr)
/// Returns the error of a Status, or goes on.
#define CORDON_CHECK(expr) CORDON_CHECK_(return, CORDON_CONCAT(try_, __LINE__), expr)
/// The same inside a coroutine.
#define CORDON_CO_TRY(var, expr) CORDON_TRY_(co_return, CORDON_CONCAT(try_, __LINE__), var, expr)
#define CORDON_CO_CHECK(expr) CORDON_CHECK_(co_return, CORDON_CONCAT(try_, __LINE__), expr)
// NOLINTEND(bugprone-macro-parentheses,readability-identifier-naming)

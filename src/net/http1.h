// HTTP/1.1 messages as bytes (RFC 9110, 9112), strictly: no sockets, no allocation of its own.
//
// Whatever two parsers could read differently is refused, never repaired: both framings at once,
// a repeated length, bare LF, folded lines, blanks before a colon. A message means the same
// however it was cut into pieces: a prefix gives "more", or the error that the whole gives.
#pragma once

#include <tl/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::net {

/// One field. Views into somebody's buffer.
struct Header {
  std::string_view name;   ///< a token, in the sender's case
  std::string_view value;  ///< without blanks around it
};
using Headers = std::vector<Header>;

/// ASCII only, as field names are.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
/// The first field of that name, or null.
[[nodiscard]] const Header* find(std::span<const Header> headers, std::string_view name) noexcept;
/// Fields that end at each connection and that net writes itself: connection, keep-alive, te,
/// trailer, transfer-encoding, upgrade, proxy-connection, proxy-authenticate,
/// proxy-authorization, content-length, host, expect.
[[nodiscard]] bool is_hop_by_hop(std::string_view name) noexcept;
/// May this field be passed on? Not if hop-by-hop, nor if named by a Connection field.
[[nodiscard]] bool may_forward(std::span<const Header> headers, const Header& header) noexcept;
/// A non-empty token / a value without control characters: what may be written as a field.
[[nodiscard]] bool is_valid_name(std::string_view name) noexcept;
[[nodiscard]] bool is_valid_value(std::string_view value) noexcept;
/// "Not Found"; "Unknown" for a code without a name here.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

/// Bounds of one head. Passing one is refused with 414 or 431 and a reason that names it.
struct HeadLimits {
  std::size_t head_bytes_max = 16 * 1024;
  std::size_t target_bytes_max = 8 * 1024;
  std::size_t headers_max = 100;
};

/// Why a message is refused: the status to answer with, and a static text that holds no input.
struct HttpError {
  int status = 400;
  std::string_view reason;
};

enum class Version : std::uint8_t { http10, http11 };

/// How the end of a body is found.
enum class Framing : std::uint8_t { none, length, chunked, until_close };

/// The head of a request. All views point into the parsed buffer. Reuse one: it keeps capacity.
struct RequestHead {
  std::string_view method;  ///< GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS
  std::string_view target;  ///< origin form as sent, or "*"; of an absolute form, its path part
  std::string_view path;    ///< of the target, up to '?'
  std::string_view query;   ///< after '?', or empty
  std::string_view host;    ///< of Host, or of the absolute form; empty only in HTTP/1.0
  Version version = Version::http11;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  ///< if framing is length
  bool keep_alive = true;            ///< HTTP/1.1 without Connection: close
  bool expects_continue = false;
  Headers headers;
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;  ///< or ""
};

/// The head of an answer. All views point into the parsed buffer.
struct ResponseHead {
  int status = 0;
  Version version = Version::http11;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  Headers headers;
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;  ///< or ""
};

/// Bytes of the head including its empty line; 0 means that more bytes are needed.
using Parsed = tl::expected<std::size_t, HttpError>;

/// Parses the request head at the front of `buffer`. Refuses with 400, 414, 431, 501 or 505.
/// CONNECT, TRACE, unknown methods, and Upgrade to anything but h2c (which is ignored) are 501.
[[nodiscard]] Parsed parse_request(std::string_view buffer, RequestHead& out,
                                   const HeadLimits& limits = {});

/// What the answer replies to, because its framing depends on it.
enum class InReplyTo : std::uint8_t { head, other };

/// Parses an answer's head. A refusal's status is what to tell our own client: 502. An interim
/// answer (1xx) parses as any other, without a body; 101 is refused.
[[nodiscard]] Parsed parse_response(std::string_view buffer, InReplyTo method, ResponseHead& out,
                                    const HeadLimits& limits = {});

/// Takes chunked framing off a body, in place, in any pieces.
class ChunkedDecoder {
 public:
  /// Longest chunk-size line, all extensions together, and all trailers together, in bytes.
  static constexpr std::size_t kLineBytesMax = 256;
  static constexpr std::size_t kExtensionBytesMax = 16 * 1024;
  static constexpr std::size_t kTrailerBytesMax = 8 * 1024;

  struct Step {
    std::size_t consumed = 0;  ///< bytes read; less than given only when done or failed
    std::size_t produced = 0;  ///< decoded bytes, now at the front of the piece
  };
  /// Trailers are checked and dropped. What stands before an error is produced, however the body
  /// was cut; after it the decoder has `failed` and consumes nothing.
  [[nodiscard]] Step decode(std::span<char> piece);
  [[nodiscard]] bool done() const noexcept { return state_ == State::done; }
  [[nodiscard]] bool failed() const noexcept { return state_ == State::failed; }
  [[nodiscard]] const HttpError& error() const noexcept { return error_; }
  void reset() noexcept { *this = ChunkedDecoder(); }

 private:
  enum class State : std::uint8_t {
    size_first,
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_start,
    trailer,
    trailer_lf,
    end_lf,
    done,
    failed
  };
  [[nodiscard]] bool take(char c);
  [[nodiscard]] bool take_size(char c);
  [[nodiscard]] bool take_extension(char c);
  [[nodiscard]] bool take_trailer(char c);
  [[nodiscard]] bool refuse(int status, std::string_view reason);

  State state_ = State::size_first;
  bool trailer_named_ = false;  // the colon of this trailer line has been seen
  std::uint64_t left_ = 0;      // of the chunk
  std::size_t line_bytes_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  HttpError error_;
};

/// Appends "POST /path HTTP/1.1\r\n", Host and the framing of a body of `body_bytes` bytes, then
/// `headers` without hop-by-hop ones, then the empty line. False, and nothing appended, if a
/// name, value, method or target could not be read back as itself.
struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view host;
};
[[nodiscard]] bool write_request_head(std::string& out, const RequestLine& line,
                                      std::span<const Header> headers, std::uint64_t body_bytes);

/// How the answer's end is told, and whether the connection lives on.
struct ResponseFraming {
  Framing framing = Framing::length;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  std::string_view date;  ///< written unless empty or given in the headers
};
/// The same for an answer.
[[nodiscard]] bool write_response_head(std::string& out, int status,
                                       std::span<const Header> headers,
                                       const ResponseFraming& framing);

}  // namespace cordon::net

// One run of the command line: where the server is, whose token, where output goes.
#pragma once

#include "cli/cli.h"
#include "cli/internal/command.h"
#include "cli/internal/table.h"
#include "codec/json.h"

#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <iosfwd>
#include <string>
#include <string_view>

namespace cordon::cli::internal {

/// The server's answer: its text as sent, and as a value if it is JSON.
struct Reply {
  int status = 0;
  std::string body;
  codec::Json json;
};

/// Where the server is and who asks. `token` may be empty.
struct Remote {
  std::string server;
  std::string token;
};

/// Belongs to the main thread; lives as long as one command.
class Session {
 public:
  Session(const Environment& environment, Remote remote, bool json);
  /// Reads --server, --token-file, --json and the environment. Refuses as usage a server that is
  /// no URL, and as `invalid` a token file that cannot be read or holds no token.
  [[nodiscard]] static Answer<Session> open(const Environment& environment, const Command& command,
                                            const Values& values);

  /// Answers of 2xx. Others are failures with the problem document's detail: exit code 1 for 401
  /// and 403, else that of the problem's code. `target` begins with a slash.
  [[nodiscard]] Answer<Reply> get(std::string_view target);
  [[nodiscard]] Answer<Reply> post(std::string_view target, const codec::Json& body);
  [[nodiscard]] Answer<Reply> send(std::string_view method, std::string_view target,
                                   std::string body);

  /// With --json the body exactly as it came, else what `render` makes of it.
  using Render = void (*)(Session& session, const codec::Json& json);
  [[nodiscard]] Done show(const Answer<Reply>& reply, Render render);
  /// The same for a list: `items` under `columns`, or `none` when there are none.
  [[nodiscard]] Done show_items(const Answer<Reply>& reply, const std::vector<Column>& columns,
                                std::string_view none);

  /// Writes to standard output.
  void print(std::string_view text);
  void print_line(std::string_view text);
  /// Progress and remarks: standard error.
  void note(std::string_view text);
  [[nodiscard]] bool json() const noexcept { return json_; }
  [[nodiscard]] std::size_t width() const noexcept { return width_; }  ///< 0: no terminal
  [[nodiscard]] const Environment& environment() const noexcept { return environment_; }

 private:
  const Environment& environment_;
  Remote remote_;
  bool json_;
  std::size_t width_;
};

/// What an answer that is not 2xx means. `body` may be a problem document or anything else.
[[nodiscard]] Failure refusal(int status, std::string_view body);
/// One segment of a path, percent-encoded.
[[nodiscard]] std::string segment(std::string_view text);
/// `key=value`, both percent-encoded.
[[nodiscard]] std::string query(std::string_view key, std::string_view value);
/// A whole file of at most `max` bytes. `not_found`, `exhausted`, `unavailable`.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path, std::size_t max);
/// A new file that only its owner may read. `conflict` if there is one already.
[[nodiscard]] Status write_private(const std::string& path, const std::string& text);

}  // namespace cordon::cli::internal

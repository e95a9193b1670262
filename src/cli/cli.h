// The command line: every act of the control API, the offline tools, and the demo.
//
// `run` is the whole of it. It reads no environment variable and starts no server by itself: app
// hands both in, so that the command line can be tested without a process.
#pragma once

#include "base/clock.h"
#include "base/random.h"

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

namespace cordon::cli {

/// What `cordon serve` was asked for. Empty means: not given.
struct ServeArguments {
  std::filesystem::path config_file;  ///< none: an empty configuration
  std::filesystem::path data_dir;     ///< instead of the configuration's `data_dir`
  /// Where the first start writes the admin token instead of printing it: made with mode 0600.
  std::filesystem::path admin_token_file;
  /// Where to write `{"gateway":"127.0.0.1:40001","control":"127.0.0.1:40002"}` once both
  /// listeners are bound: made under another name and renamed, so that it is whole or not there.
  std::filesystem::path addresses_file;
};

/// What the command line needs from the process it runs in. The references outlive `run`.
struct Environment {
  const Clock& clock;
  Random& random;  ///< fit for keys
  /// An environment variable, or nothing. Asked for CORDON_SERVER, CORDON_TOKEN and COLUMNS.
  std::function<std::optional<std::string>(const char* name)> variable;
  /// Serves until told to stop; the process's exit code. It says itself what went wrong.
  std::function<int(const ServeArguments&)> serve;
  std::filesystem::path executable;  ///< of this program: the demo starts it again
  std::string version;
  std::ostream* out = nullptr;    ///< null: standard output
  std::ostream* error = nullptr;  ///< null: standard error
};

/// Runs one command and answers with the exit code: 0 done, 1 refused for lack of a token or
/// role, or a claim of `demo` that did not hold; 2 wrong usage; else exit_code() of the error.
[[nodiscard]] int run(int argc, const char* const* argv, const Environment& environment);

}  // namespace cordon::cli

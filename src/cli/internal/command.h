// A command as data: its words, its parameters, its help. The parser, the help texts, completion
// and the reference page all read this one table.
#pragma once

#include "base/result.h"
#include "codec/json.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::cli {
struct Environment;
}

namespace cordon::cli::internal {

class Session;

inline constexpr int kExitRefused = 1;
inline constexpr int kExitUsage = 2;

/// Why a command did not do what it was asked, and the exit code that says so.
struct Failure {
  int exit_code;
  std::string detail;
  Failure(int code, std::string text) : exit_code(code), detail(std::move(text)) {}
  Failure(Error error)  // NOLINT: an Error is a Failure wherever one is returned
      : exit_code(cordon::exit_code(error.code)), detail(std::move(error.detail)) {}
};
template <class T>
using Answer = tl::expected<T, Failure>;
using Done = Answer<void>;

/// `positional`: SCOPE. `option`: --reason TEXT. `flag`: --no-leak.
enum class Form : std::uint8_t { positional, option, flag };
/// `many`: once or more; `any`: as often as wanted.
enum class Presence : std::uint8_t { optional, required, many, any };

/// One parameter of a command.
struct Parameter {
  Form form = Form::option;
  Presence presence = Presence::optional;
  std::string_view name;   ///< without dashes; how the command asks for it
  std::string_view value;  ///< what stands for the value in help
  std::string_view help;
  std::vector<std::string_view> choices = {};  ///< empty: anything
};

/// What was given, by parameter name. Asking for a parameter that the command does not have is a
/// bug.
class Values {
 public:
  void set(std::string name, std::vector<std::string> given);
  /// Of a required parameter.
  [[nodiscard]] const std::string& text(std::string_view name) const;
  [[nodiscard]] std::string text_or(std::string_view name, std::string_view fallback) const;
  [[nodiscard]] std::optional<std::string> optional(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& all(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name) const { return !all(name).empty(); }
  /// Refuses as a usage error what is not a whole number from `min` to `max`.
  [[nodiscard]] Answer<std::uint64_t> number_or(std::string_view name, std::uint64_t fallback,
                                                std::uint64_t min, std::uint64_t max) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> given_;
};

/// Whether a command talks to a server: then it also takes --server, --token-file and --json.
enum class Reach : std::uint8_t { server, local };

/// One command.
struct Command {
  std::string_view path;  ///< "token mint"
  std::string_view summary;
  std::string_view example;  ///< without "cordon " in front
  Reach reach = Reach::server;
  std::vector<Parameter> parameters;
  Done (*run)(Session& session, const Values& values) = nullptr;
};

/// Every command, in the order of the help.
[[nodiscard]] const std::vector<Command>& commands();
/// The parameters of one, with those that its reach adds.
[[nodiscard]] std::vector<Parameter> parameters_of(const Command& command);
/// What the first word of a path is about: "switch", "Kill switches".
[[nodiscard]] std::string_view group_summary(std::string_view word);

/// What the words on the command line meant: a command to run, or a text to print (help).
struct Parsed {
  const Command* command = nullptr;
  Values values;
  std::string text;
};
/// Refuses as usage what fits no command. Never repeats a value in the refusal.
[[nodiscard]] Answer<Parsed> parse(std::span<const std::string> words);

/// The script for `eval "$(cordon completion bash)"`.
[[nodiscard]] std::string bash_completion();

// One function a command file.
[[nodiscard]] std::vector<Command> serve_commands();
[[nodiscard]] std::vector<Command> sim_commands();
[[nodiscard]] std::vector<Command> demo_commands();
[[nodiscard]] std::vector<Command> state_commands();
[[nodiscard]] std::vector<Command> token_commands();
[[nodiscard]] std::vector<Command> containment_commands();
[[nodiscard]] std::vector<Command> approval_commands();
[[nodiscard]] std::vector<Command> page_commands();
[[nodiscard]] std::vector<Command> signal_commands();
[[nodiscard]] std::vector<Command> incident_commands();
[[nodiscard]] std::vector<Command> people_commands();
[[nodiscard]] std::vector<Command> baseline_commands();
/// What waits for a second person; false, and nothing printed, if the answer is something else.
bool print_asked(Session& session, const codec::Json& answer);
/// What setting and releasing a measure answer with.
void print_contained(Session& session, const codec::Json& contained);
/// What an order about a rulepack came to.
void print_rulepack_answer(Session& session, const codec::Json& answer);
/// What became of a reload of the configuration.
void print_reload(Session& session, const codec::Json& answer);
/// One incident and its phases, as `incident show` prints it; or what waits for a second person.
void print_incident(Session& session, const codec::Json& incident);
[[nodiscard]] std::vector<Command> mitigation_commands();
[[nodiscard]] std::vector<Command> update_commands();
[[nodiscard]] std::vector<Command> review_commands();
[[nodiscard]] std::vector<Command> action_commands();
[[nodiscard]] std::vector<Command> evidence_commands();
[[nodiscard]] std::vector<Command> verify_commands();
[[nodiscard]] std::vector<Command> log_commands();
[[nodiscard]] std::vector<Command> api_commands();
[[nodiscard]] std::vector<Command> config_commands();
[[nodiscard]] std::vector<Command> rulepack_commands();
[[nodiscard]] std::vector<Command> replay_commands();
[[nodiscard]] std::vector<Command> key_commands();
[[nodiscard]] std::vector<Command> journal_commands();
[[nodiscard]] std::vector<Command> about_commands();
[[nodiscard]] std::vector<Command> usage_commands();

}  // namespace cordon::cli::internal

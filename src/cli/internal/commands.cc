#include "cli/internal/command.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace cordon::cli::internal {
namespace {

using Source = std::vector<Command> (*)();

constexpr std::array<Source, 27> kSources = {
    serve_commands,      sim_commands,         demo_commands,   state_commands,
    token_commands,      containment_commands, signal_commands, incident_commands,
    mitigation_commands, update_commands,      review_commands, action_commands,
    evidence_commands,   verify_commands,      log_commands,    api_commands,
    config_commands,     rulepack_commands,    replay_commands, key_commands,
    journal_commands,    about_commands,       people_commands, baseline_commands,
    approval_commands,   page_commands,        usage_commands,
};

constexpr std::pair<std::string_view, std::string_view> kGroups[] = {
    {"token", "Control tokens: who may do what"},
    {"switch", "Kill switches: refuse what is in scope and cut what runs"},
    {"mode", "How strictly rules are obeyed in a scope"},
    {"fallback", "Send a route to its fallback targets"},
    {"approval", "What takes two people: what waits for the second one"},
    {"containment", "Switches, modes and fallbacks alike: receipts, renewal, release"},
    {"generation", "Everything that was ever in force, by number"},
    {"baseline", "The policy as it was pinned, and drift from it"},
    {"signal", "What was noticed"},
    {"report", "What customers say"},
    {"incident", "Incidents: what fired, who commands, what happened, the scorecard"},
    {"page", "Who is called: what became of it, and who said that they know"},
    {"mitigation", "Did it help? Tests declared before acting, judged by live numbers"},
    {"update", "Tell people: drafts for each audience, approval, sending"},
    {"review", "The blameless review, drafted from facts"},
    {"action", "What follows: owner, date, proof"},
    {"evidence", "Bundles that others can verify"},
    {"log", "The transparency log: its latest signed head and its key"},
    {"config", "The configuration file"},
    {"rulepack", "Rulepacks: in force, earlier, publishing, going back"},
    {"replay", "Replay tests: an incident decided again, without network"},
    {"key", "Keys of tenants"},
    {"journal", "The journal of a stopped server"},
    {"completion", "Completion for shells"},
};

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> kAll = [] {
    std::vector<Command> all;
    for (const Source source : kSources) {
      for (Command& command : source()) all.push_back(std::move(command));
    }
    return all;
  }();
  return kAll;
}

std::vector<Parameter> parameters_of(const Command& command) {
  std::vector<Parameter> parameters = command.parameters;
  if (command.reach == Reach::local) return parameters;
  parameters.push_back({Form::option, Presence::optional, "server", "URL",
                        "the control API (CORDON_SERVER, or http://127.0.0.1:8081)"});
  parameters.push_back({Form::option, Presence::optional, "token-file", "FILE",
                        "a file that holds your token (or set CORDON_TOKEN)"});
  parameters.push_back(
      {Form::flag, Presence::optional, "json", "", "print the server's answer as it came"});
  return parameters;
}

std::string_view group_summary(std::string_view word) {
  for (const auto& [group, summary] : kGroups) {
    if (group == word) return summary;
  }
  return {};
}

std::string bash_completion() {
  std::string words;
  std::string groups;
  std::string options;
  std::vector<std::pair<std::string, std::string>> members;
  for (const Command& command : commands()) {
    const std::string path(command.path);
    const std::size_t blank = path.find(' ');
    const std::string first = path.substr(0, blank);
    if (blank != path.npos) {
      if (members.empty() || members.back().first != first) members.emplace_back(first, "");
      members.back().second += path.substr(blank + 1) + " ";
    }
    if ((" " + words).find(" " + first + " ") == std::string::npos) words += first + " ";
    std::string names;
    for (const Parameter& parameter : parameters_of(command)) {
      if (parameter.form != Form::positional) names += fmt::format("--{} ", parameter.name);
      for (const std::string_view choice : parameter.choices) names += fmt::format("{} ", choice);
    }
    options += fmt::format("    '{}') words='{}--help' ;;\n", path, names);
  }
  for (const auto& [group, verbs] : members) {
    groups += fmt::format("    {}) words='{}' ;;\n", group, verbs);
  }
  return fmt::format(
      "_cordon() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} first=${{COMP_WORDS[1]}} words=''\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W '{}--help' -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  if [ \"$COMP_CWORD\" -eq 2 ]; then\n"
      "    case \"$first\" in\n{}    esac\n"
      "  fi\n"
      "  if [ -z \"$words\" ]; then\n"
      "    local path=\"$first ${{COMP_WORDS[2]}}\"\n"
      "    case \"$path\" in\n{}    esac\n"
      "    if [ -z \"$words\" ]; then\n"
      "      case \"$first\" in\n{}      esac\n"
      "    fi\n"
      "  fi\n"
      "  COMPREPLY=($(compgen -o default -W \"$words\" -- \"$word\"))\n"
      "}}\n"
      "complete -o default -F _cordon cordon\n",
      words, groups, options, options);
}

}  // namespace cordon::cli::internal

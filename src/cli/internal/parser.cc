#include "base/assert.h"
#include "cli/internal/command.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <map>

namespace cordon::cli::internal {
namespace {

constexpr std::string_view kAbout =
    "Cordon stands between applications and model providers: it sees a failure, cuts it off, and "
    "proves both.";

/// What CLI11 fills in for one parameter.
struct Slot {
  const Parameter* parameter;
  CLI::App* app;
  CLI::Option* option = nullptr;
  std::vector<std::string> many;
  std::string one;
  bool flagged = false;
};

std::vector<std::string> given(const Slot& slot) {
  if (slot.option->count() == 0) return {};
  if (slot.parameter->form == Form::flag) return {"yes"};
  return slot.many.empty() ? std::vector<std::string>{slot.one} : slot.many;
}

/// Owns the CLI11 tree while words are parsed: a deque, because CLI11 keeps pointers to slots.
struct Tree {
  CLI::App root{std::string(kAbout), "cordon"};
  std::deque<std::vector<Parameter>> parameters;
  std::deque<Slot> slots;
  std::map<std::string_view, CLI::App*> groups;
  std::vector<std::pair<CLI::App*, const Command*>> leaves;
};

std::string example_footer(std::string_view example) {
  return fmt::format("\nExample:\n  cordon {}\n", example);
}

bool is_repeated(const Parameter& parameter) {
  return parameter.presence == Presence::many || parameter.presence == Presence::any;
}

CLI::Option& add_option(CLI::App& app, Slot& slot) {
  const Parameter& parameter = *slot.parameter;
  const bool positional = parameter.form == Form::positional;
  const std::string help(parameter.help);
  const std::string name = (positional ? "" : "--") + std::string(parameter.name);
  if (parameter.form == Form::flag) return *app.add_flag(name, slot.flagged, help);
  if (!is_repeated(parameter)) return *app.add_option(name, slot.one, help);
  CLI::Option& option = *app.add_option(name, slot.many, help);
  if (!positional) option.expected(1)->take_all()->allow_extra_args(false);
  return option;
}

void add_parameter(Tree& tree, CLI::App& app, const Parameter& parameter) {
  Slot& slot = tree.slots.emplace_back(Slot{&parameter, &app, nullptr, {}, {}, false});
  CLI::Option& option = add_option(app, slot);
  slot.option = &option;
  if (parameter.form != Form::flag) option.type_name(std::string(parameter.value));
  if (parameter.presence == Presence::required || parameter.presence == Presence::many) {
    option.required();
  }
  if (!parameter.choices.empty()) {
    const std::vector<std::string> words(parameter.choices.begin(), parameter.choices.end());
    option.check(CLI::IsMember(words));
  }
}

CLI::App& group_of(Tree& tree, std::string_view word, const Command& first) {
  if (const auto known = tree.groups.find(word); known != tree.groups.end()) {
    return *known->second;
  }
  CLI::App& group = *tree.root.add_subcommand(std::string(word), std::string(group_summary(word)));
  tree.groups.emplace(word, &group);
  group.require_subcommand(1);
  group.footer(example_footer(first.example));
  return group;
}

void add_command(Tree& tree, const Command& command) {
  CLI::App* parent = &tree.root;
  std::string_view leaf = command.path;
  if (const std::size_t blank = leaf.find(' '); blank != leaf.npos) {
    parent = &group_of(tree, leaf.substr(0, blank), command);
    leaf.remove_prefix(blank + 1);
  }
  CLI::App& app = *parent->add_subcommand(std::string(leaf), std::string(command.summary));
  app.footer(example_footer(command.example));
  const auto& parameters = tree.parameters.emplace_back(parameters_of(command));
  for (const Parameter& parameter : parameters) add_parameter(tree, app, parameter);
  tree.leaves.emplace_back(&app, &command);
}

std::string where(const Tree& tree) {
  std::string path = "cordon";
  const CLI::App* app = &tree.root;
  for (auto chosen = app->get_subcommands(); !chosen.empty(); chosen = app->get_subcommands()) {
    app = chosen.back();
    path += " " + app->get_name();
  }
  return path;
}

/// The refusal of words. What CLI11 says may hold a value, which may be a secret in the wrong
/// place, so of words that fit nowhere only the names of options are repeated.
Failure usage(const Tree& tree, std::string problem) {
  return {kExitUsage, fmt::format("{}; see: {} --help", std::move(problem), where(tree))};
}

std::string describe_strangers(std::span<const std::string> words) {
  std::string names;
  for (const std::string& word : words) {
    if (word.size() < 3 || word.compare(0, 2, "--") != 0) continue;
    names += (names.empty() ? "" : ", ") + word.substr(0, std::min(word.find('='), word.size()));
  }
  return names.empty() ? "found a word that fits nowhere" : "found unknown " + names;
}

Answer<Parsed> run_parser(Tree& tree, std::vector<std::string> reversed) {
  try {
    tree.root.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return Parsed{nullptr, {}, tree.root.help()};
  } catch (const CLI::ExtrasError&) {
    return tl::make_unexpected(usage(tree, describe_strangers(tree.root.remaining(true))));
  } catch (const CLI::ParseError& error) {
    return tl::make_unexpected(usage(tree, error.what()));
  }
  Parsed parsed;
  for (const auto& [app, command] : tree.leaves) {
    if (app->parsed()) parsed.command = command;
  }
  for (const Slot& slot : tree.slots) {
    if (slot.app->parsed()) parsed.values.set(std::string(slot.parameter->name), given(slot));
  }
  return parsed;
}

/// --token VALUE would stand in the list of processes for everybody to read.
bool is_token_argument(const std::string& word) {
  return word == "--token" || word.compare(0, 8, "--token=") == 0;
}

}  // namespace

Answer<Parsed> parse(std::span<const std::string> words) {
  if (std::any_of(words.begin(), words.end(), is_token_argument)) {
    return tl::make_unexpected(
        Failure{kExitUsage,
                "found --token, expected --token-file FILE or the variable CORDON_TOKEN: an "
                "argument is visible to everybody on this machine, so count that token as lost"});
  }
  Tree tree;
  tree.root.require_subcommand(1);
  tree.root.footer(example_footer("demo"));
  for (const Command& command : commands()) add_command(tree, command);
  return run_parser(tree, {words.rbegin(), words.rend()});
}

void Values::set(std::string name, std::vector<std::string> given) {
  given_.insert_or_assign(std::move(name), std::move(given));
}

const std::vector<std::string>& Values::all(std::string_view name) const {
  const auto found = given_.find(name);
  CORDON_ASSERT(found != given_.end());
  return found->second;
}

const std::string& Values::text(std::string_view name) const {
  const auto& given = all(name);
  CORDON_ASSERT(!given.empty());
  return given.front();
}

std::optional<std::string> Values::optional(std::string_view name) const {
  const auto& given = all(name);
  return given.empty() ? std::nullopt : std::optional<std::string>(given.front());
}

std::string Values::text_or(std::string_view name, std::string_view fallback) const {
  return optional(name).value_or(std::string(fallback));
}

Answer<std::uint64_t> Values::number_or(std::string_view name, std::uint64_t fallback,
                                        std::uint64_t min, std::uint64_t max) const {
  const auto given = optional(name);
  if (!given) return fallback;
  std::uint64_t number = 0;
  const char* const end = given->data() + given->size();
  const auto [stop, error] = std::from_chars(given->data(), end, number);
  if (error != std::errc() || stop != end || number < min || number > max) {
    return tl::make_unexpected(Failure{
        kExitUsage, fmt::format("--{}: expected a whole number from {} to {}", name, min, max)});
  }
  return number;
}

}  // namespace cordon::cli::internal

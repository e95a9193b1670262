#include "policy/internal/matcher.h"

#include "policy/internal/literals.h"
#include "policy/national_ids.h"
#include "policy/validators.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <functional>
#include <new>
#include <set>
#include <unordered_set>

namespace cordon::policy {
namespace {

constexpr std::uint32_t kGroupsMax = 15;
constexpr std::uint32_t kMatchStepsMax = 50'000;
constexpr double kRare = 1e-11;
constexpr std::size_t kJitStackBytesMax = std::size_t{256} * 1024;

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeCompileContext {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};
struct FreeJitStack {
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};

// What a search writes to. One per thread, so that a search allocates nothing.
struct Workspace {
  std::unique_ptr<pcre2_jit_stack, FreeJitStack> stack{
      pcre2_jit_stack_create(32 * 1024, kJitStackBytesMax, nullptr)};
  std::unique_ptr<pcre2_match_data, FreeData> data{
      pcre2_match_data_create(kGroupsMax + 1, nullptr)};
  std::unique_ptr<pcre2_match_context, FreeContext> context{pcre2_match_context_create(nullptr)};

  Workspace() {
    if (!data || !context) throw std::bad_alloc();
    pcre2_set_match_limit(context.get(), kMatchStepsMax);
    pcre2_set_depth_limit(context.get(), kMatchStepsMax);
    pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }
};

Workspace& workspace() {
  thread_local Workspace of_this_thread;
  return of_this_thread;
}

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

std::vector<std::string> lowered_all(const std::vector<std::string>& texts) {
  std::vector<std::string> result;
  std::transform(texts.begin(), texts.end(), std::back_inserter(result), lowered);
  return result;
}

bool holds(std::string_view text, std::string_view lower_case_word) {
  const auto at = std::search(text.begin(), text.end(), lower_case_word.begin(),
                              lower_case_word.end(), [](char a, char b) { return lower(a) == b; });
  return at != text.end();
}

bool is_word(char c) noexcept {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_';
}

std::string pcre_message(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return {reinterpret_cast<const char*>(buffer.data())};
}

class PatternMatcher final : public Matcher {
 public:
  PatternMatcher(pcre2_code* code, const Expression& expression, std::uint32_t group,
                 Conditions conditions)
      : Matcher(watch_of(expression, conditions)),
        code_(code),
        width_max_(expression.price.width_max),
        beginning_(expression.beginning),
        group_(group),
        conditions_(std::move(conditions)) {
    conditions_.allow = lowered_all(conditions_.allow);
    conditions_.holds = lowered_all(conditions_.holds);
  }

  [[nodiscard]] Found find(std::string_view text, std::size_t from,
                           std::size_t until) const override {
    while (from < until) {
      Found found = search(text, from, until);
      if (found.kind != Found::Kind::match || counts(text, found)) return found;
      from = found.begin + 1;
    }
    return {};
  }

 private:
  // A match that must hold a word is looked for where the word stands, and what else each of the
  // pattern's branches must hold; no pattern is streamed.
  static Watch watch_of(const Expression& expression, const Conditions& conditions) {
    if (conditions.holds.empty()) return {expression.stream, {{expression.price.width_max}}};
    Watch watch;
    for (const std::string& branch : expression.branches) {
      std::vector<Clause> clauses = clauses_of(branch);
      if (clauses.size() < kBranchClausesMax) clauses.push_back(lowered_all(conditions.holds));
      // A second clause spares little where the first is as good as never there.
      const bool rare = commonness(clauses.front()) < kRare;
      clauses.resize(rare ? 1 : std::min(clauses.size(), kBranchClausesMax));
      const auto number = static_cast<std::uint16_t>(watch.branches.size());
      watch.branches.push_back({width_max_of(branch), static_cast<std::uint8_t>(clauses.size())});
      for (std::size_t clause = 0; clause < clauses.size(); ++clause) {
        for (const std::string& text : clauses[clause]) {
          watch.stream.push_back(literal_pattern(text, true));
          watch.stream.back().branch = number;
          watch.stream.back().clause = static_cast<std::uint8_t>(clause);
        }
      }
    }
    return watch;
  }

  // Tries the starts where a match may begin. Those that are close together are tried in one call.
  [[nodiscard]] Found search(std::string_view text, std::size_t from, std::size_t until) const {
    constexpr std::size_t kClose = 8;
    for (;;) {
      from = beginning_.next(text, from, until);
      if (from >= until) return {};
      std::size_t last = from;
      for (std::size_t near = 0; near < until;) {
        near = std::min(until, last + kClose);
        const std::size_t at = beginning_.next(text, last + 1, near);
        if (at >= near) break;
        last = at;
      }
      const Found found = search_each(text, from, last);
      if (found.kind != Found::Kind::nothing) return found;
      from = last + 1;
    }
  }

  [[nodiscard]] Found search_each(std::string_view text, std::size_t from, std::size_t last) const {
    const int code = match(text, from, last);
    if (code == PCRE2_ERROR_NOMATCH) return {};
    if (code >= 0) return at_groups();
    // Some start in the range passed a limit. Ask one by one which was the first, so that the
    // answer does not depend on where the range began.
    for (std::size_t begin = from; begin <= last; ++begin) {
      const int single = match(text, begin, begin);
      if (single == PCRE2_ERROR_NOMATCH) continue;
      if (single >= 0) return at_groups();
      const std::size_t reach = std::min<std::size_t>(text.size() - begin, width_max_);
      return {Found::Kind::error, begin, begin + reach};
    }
    return {};
  }

  [[nodiscard]] int match(std::string_view text, std::size_t from, std::size_t last) const {
    Workspace& space = workspace();
    pcre2_set_offset_limit(space.context.get(), last);
    return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, 0,
                       space.data.get(), space.context.get());
  }

  [[nodiscard]] static Found at_groups() {
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(workspace().data.get());
    return {Found::Kind::match, offsets[0], offsets[1]};
  }

  // Reads the groups of the match that was just found; an IBAN's end is moved to where it ends.
  [[nodiscard]] bool counts(std::string_view text, Found& found) const {
    const std::string_view whole = text.substr(found.begin, found.end - found.begin);
    const auto held = [&](const std::string& word) { return holds(whole, word); };
    const auto& needed = conditions_.holds;
    if (!needed.empty() && std::none_of(needed.begin(), needed.end(), held)) return false;
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(workspace().data.get());
    const PCRE2_SIZE begin = offsets[group_ * 2];
    const PCRE2_SIZE end = offsets[group_ * 2 + 1];
    const std::string_view value = begin == PCRE2_UNSET ? "" : text.substr(begin, end - begin);
    const auto allowed = [&](const std::string& word) { return holds(value, word); };
    if (std::any_of(conditions_.allow.begin(), conditions_.allow.end(), allowed)) return false;
    switch (conditions_.validator) {
      case Validator::none:
        return true;
      case Validator::luhn:
        return passes_luhn(value);
      case Validator::iban: {
        const std::size_t bytes = iban_bytes(text.substr(begin, end - begin));
        if (bytes > 0 && group_ == 0) found.end = found.begin + bytes;
        return bytes > 0;
      }
      case Validator::ssn:
        return passes_ssn(value);
      case Validator::entropy:
        return entropy_bits(value) >= conditions_.bits_min;
      case Validator::generated:
        return looks_generated(value) && entropy_bits(value) >= conditions_.bits_min;
      case Validator::aba:
        return passes_aba(value);
      case Validator::nhs:
        return passes_nhs(value);
      case Validator::cpf:
        return passes_cpf(value);
      case Validator::dni:
        return passes_dni(value);
      case Validator::codice_fiscale:
        return passes_codice_fiscale(value);
      case Validator::nir:
        return passes_nir(value);
      case Validator::pesel:
        return passes_pesel(value);
      case Validator::bsn:
        return passes_bsn(value);
      case Validator::verhoeff:
        return passes_verhoeff(value);
    }
    return true;
  }

  std::unique_ptr<pcre2_code, FreeCode> code_;
  std::uint32_t width_max_;
  Beginning beginning_;
  std::uint32_t group_;
  Conditions conditions_;
};

class ListMatcher final : public Matcher {
 public:
  enum class Words : std::uint8_t { whole_any_case, exact_bytes };

  ListMatcher(const std::vector<std::string>& entries, Words words)
      : Matcher(watch_of(entries, words)), words_(words) {
    for (const auto& entry : entries) {
      entries_.insert(words == Words::whole_any_case ? lowered(entry) : entry);
      lengths_.insert(entry.size());
    }
  }

  [[nodiscard]] Found find(std::string_view text, std::size_t from,
                           std::size_t until) const override {
    for (std::size_t begin = from; begin < until; ++begin) {
      for (const std::size_t length : lengths_) {
        if (length > text.size() - begin || !matches(text, begin, length)) continue;
        return {Found::Kind::match, begin, begin + length};
      }
    }
    return {};
  }

 private:
  static Watch watch_of(const std::vector<std::string>& entries, Words words) {
    Watch watch;
    std::uint32_t width_max = 0;
    watch.stream.reserve(entries.size());
    for (const auto& entry : entries) {
      watch.stream.push_back(literal_pattern(entry, words == Words::whole_any_case));
      width_max = std::max(width_max, watch.stream.back().width_max);
    }
    watch.branches.push_back({width_max});
    return watch;
  }

  [[nodiscard]] bool matches(std::string_view text, std::size_t begin, std::size_t length) const {
    const std::string_view piece = text.substr(begin, length);
    if (words_ == Words::exact_bytes) return entries_.contains(std::string(piece));
    const std::size_t end = begin + length;
    const auto inside = [&](std::size_t at) { return is_word(text[at - 1]) && is_word(text[at]); };
    if (begin > 0 && inside(begin)) return false;
    if (end < text.size() && inside(end)) return false;
    return entries_.contains(lowered(piece));
  }

  Words words_;
  std::unordered_set<std::string> entries_;
  std::set<std::size_t, std::greater<>> lengths_;
};

}  // namespace

Result<std::shared_ptr<const Matcher>> pattern_matcher(const std::string& pattern,
                                                       const Expression& expression,
                                                       Conditions conditions) {
  const std::unique_ptr<pcre2_compile_context, FreeCompileContext> context(
      pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  // Without start optimisations each start is tried alone, so its answer is its own.
  constexpr std::uint32_t kOptions = PCRE2_USE_OFFSET_LIMIT | PCRE2_NO_START_OPTIMIZE |
                                     PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   kOptions, &error, &offset, context.get());
  if (code == nullptr) {
    return fail(Errc::invalid,
                pcre_message(error) + " at byte " + std::to_string(offset) + " of the pattern");
  }
  std::unique_ptr<pcre2_code, FreeCode> owned(code);
  std::uint32_t groups = 0;
  pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
  if (groups > kGroupsMax) {
    return fail(Errc::exhausted, "more than " + std::to_string(kGroupsMax) + " groups");
  }
  std::uint32_t group = 0;
  if (!conditions.group.empty()) {
    const int number = pcre2_substring_number_from_name(
        code, reinterpret_cast<PCRE2_SPTR>(conditions.group.c_str()));
    if (number <= 0) return fail(Errc::invalid, "the pattern has no group " + conditions.group);
    group = static_cast<std::uint32_t>(number);
  }
  // Without a just-in-time compiler the interpreter gives the same answers.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return std::make_shared<const PatternMatcher>(owned.release(), expression, group,
                                                std::move(conditions));
}

std::shared_ptr<const Matcher> dictionary_matcher(const std::vector<std::string>& words) {
  return std::make_shared<const ListMatcher>(words, ListMatcher::Words::whole_any_case);
}

std::shared_ptr<const Matcher> canary_matcher(const std::vector<std::string>& tokens) {
  return std::make_shared<const ListMatcher>(tokens, ListMatcher::Words::exact_bytes);
}

}  // namespace cordon::policy

#include "policy/internal/expression.h"

#include <hs/hs.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace cordon::policy {
namespace {

struct Widths {
  std::uint32_t min = 0;
  std::uint32_t max = 0;
};

Result<Widths> widths_of(const std::string& pattern) {
  hs_expr_info_t* info = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_expression_info(pattern.c_str(), 0, &info, &error) != HS_SUCCESS) {
    std::string reason = error->message;
    hs_free_compile_error(error);
    return fail(Errc::invalid, std::move(reason));
  }
  const Widths widths{info->min_width, info->max_width};
  std::free(info);
  return widths;
}

// Whether the byte at `at` is not a backslash's second half.
bool unescaped(std::string_view pattern, std::size_t at) {
  std::size_t slashes = 0;
  while (slashes < at && pattern[at - 1 - slashes] == '\\') ++slashes;
  return slashes % 2 == 0;
}

bool ends_in_boundary(std::string_view pattern) {
  return pattern.ends_with("\\b") && unescaped(pattern, pattern.size() - 2);
}

// Just past the class that begins at `at`. The pattern is known to close it.
std::size_t class_end(std::string_view pattern, std::size_t at) {
  ++at;
  if (at < pattern.size() && pattern[at] == '^') ++at;
  if (at < pattern.size() && pattern[at] == ']') ++at;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern.substr(at, 2) == "[:") {
      const std::size_t end = pattern.find(":]", at + 2);
      at = end == std::string_view::npos ? pattern.size() : end + 2;
      continue;
    }
    at += pattern[at] == '\\' ? 2U : 1U;
  }
  return std::min(at, pattern.size()) + 1;
}

// Where the bars and the first closing parenthesis of the outermost level are.
struct Outline {
  std::vector<std::size_t> bars;
  std::size_t closes_first = std::string_view::npos;  // back at the outermost level
};

Outline outline_of(std::string_view body) {
  Outline outline;
  std::size_t depth = 0;
  for (std::size_t at = 0; at < body.size();) {
    const char c = body[at];
    if (c == '[') {
      at = class_end(body, at);
      continue;
    }
    if (c == '(') ++depth;
    if (c == ')' && --depth == 0) outline.closes_first = std::min(outline.closes_first, at);
    if (c == '|' && depth == 0) outline.bars.push_back(at);
    at += c == '\\' ? 2 : 1;
  }
  return outline;
}

// The alternatives of a pattern that is nothing but alternatives, each with the flags in front.
std::vector<std::string> branches_of(std::string_view pattern) {
  std::size_t flags = 0;
  if (pattern.starts_with("(?") && pattern.size() > 2 && pattern[2] >= 'a' && pattern[2] <= 'z') {
    flags = pattern.find(')') + 1;
    if (pattern.substr(0, flags).find(':') != std::string_view::npos) flags = 0;
  }
  std::string_view body = pattern.substr(flags);
  // Flags further in would reach from one branch into the next.
  for (std::size_t at = body.find("(?"); at != std::string_view::npos;
       at = body.find("(?", at + 1)) {
    const char kind = at + 2 < body.size() ? body[at + 2] : '\0';
    if (kind == '-' || (kind >= 'a' && kind <= 'z')) return {std::string(pattern)};
  }
  if (body.starts_with("(?:") && outline_of(body).closes_first == body.size() - 1) {
    body = body.substr(3, body.size() - 4);
  }
  std::vector<std::string> branches;
  std::size_t begin = 0;
  auto bars = outline_of(body).bars;
  bars.push_back(body.size());
  for (const std::size_t bar : bars) {
    branches.push_back(std::string(pattern.substr(0, flags)) +
                       std::string(body.substr(begin, bar - begin)));
    begin = bar + 1;
  }
  return branches;
}

// Without what only makes a match longer: the shorter end marks the same starts.
std::string trimmed(std::string branch) {
  while (ends_in_boundary(branch)) branch.resize(branch.size() - 2);
  const std::size_t open = branch.rfind('{');
  if (!branch.ends_with('}') || open == std::string::npos || !unescaped(branch, open))
    return branch;
  const std::size_t comma = branch.find(',', open);
  const bool counts = branch.find_first_not_of("0123456789,", open + 1) == branch.size() - 1;
  if (!counts || comma == std::string::npos || comma == open + 1 || branch[open + 1] == '0') {
    return branch;
  }
  return branch.erase(comma, branch.size() - 1 - comma);
}

Beginning beginning_of(const std::vector<StreamPattern>& patterns) {
  Beginning beginning;
  for (const StreamPattern& pattern : patterns) beginning.add(shape_of(pattern.text).beginning);
  return beginning;
}

// One pass over a pattern. `stream` gathers what Hyperscan is given.
class Reader {
 public:
  explicit Reader(std::string_view pattern) : pattern_(pattern) {}

  Result<Expression> read() {
    while (at_ < pattern_.size()) CORDON_CHECK(step());
    if (!closes_.empty()) return fail(Errc::invalid, "a parenthesis is not closed");
    end_run();
    while (ends_in_boundary(stream_)) stream_.resize(stream_.size() - 2);
    CORDON_TRY(const Widths widths, widths_of(stream_));
    if (widths.min == 0) return fail(Errc::invalid, "the pattern can match nothing at all");
    for (const Look& look : looks_) CORDON_CHECK(check(look, widths));
    const std::uint32_t width_max = widths.max == UINT32_MAX ? Price::kUnbounded : widths.max;
    Expression expression;
    expression.branches = branches_of(stream_);
    for (const std::string& branch : expression.branches) {
      expression.stream.push_back({trimmed(branch), 0, width_max});
    }
    expression.price = {.width_min = widths.min,
                        .width_max = width_max,
                        .literal_bytes = alternates_ ? 0 : longest_run_};
    // One that looks far ahead first may pass a limit where it could not begin, and says so.
    if (!looks_far_) expression.beginning = beginning_of(expression.stream);
    return expression;
  }

 private:
  struct Look {
    std::string text;
    bool ahead;
    bool leading;
  };

  Status step() {
    const char c = pattern_[at_];
    if (c == '\\') return escape();
    if (c == '[') return char_class();
    if (c == '(') return open();
    if (c == ')') return close();
    if (c == '$') return fail(Errc::invalid, "'$' depends on the end of the text: use \\b or (?!)");
    if (c == '|' && closes_.empty()) alternates_ = true;
    if (c == '?' || c == '*' || c == '{') {
      if (after_look_) return fail(Errc::invalid, "a look-around may not be repeated");
      if (run_ > 0) --run_;
    }
    after_look_ = false;
    const bool plain = std::string_view("?*+{}|.^").find(c) == std::string_view::npos;
    if (plain && closes_.empty()) {
      ++run_;
      leading_ = false;
    } else {
      end_run();
      leading_ = leading_ && c == '^';
    }
    if (c == '{') return repeat();
    put(1);
    return {};
  }

  // The digits of a repeat are no literals.
  Status repeat() {
    const std::size_t end = pattern_.find('}', at_);
    put(end == std::string_view::npos ? 1 : end + 1 - at_);
    return {};
  }

  Status escape() {
    if (at_ + 1 == pattern_.size()) return fail(Errc::invalid, "a lone backslash at the end");
    const char c = pattern_[at_ + 1];
    if (std::string_view("zZAGKCQERXpPNgk").find(c) != std::string_view::npos ||
        (c >= '1' && c <= '9')) {
      return fail(Errc::invalid, std::string("'\\") + c + "' cannot be streamed");
    }
    const bool boundary = c == 'b' || c == 'B';
    after_look_ = false;
    leading_ = leading_ && boundary;
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && c != '0' && closes_.empty()) {
      ++run_;
    } else {
      end_run();
    }
    put(2);
    return {};
  }

  Status char_class() {
    const std::size_t end = class_end(pattern_, at_);
    if (end > pattern_.size()) return fail(Errc::invalid, "a character class is not closed");
    end_run();
    leading_ = after_look_ = false;
    put(end - at_);
    return {};
  }

  Status open() {
    end_run();
    const std::string_view rest = pattern_.substr(at_);
    const auto is = [&](std::string_view head) { return rest.starts_with(head); };
    if (is("(?=") || is("(?!")) return open_look(3, true);
    if (is("(?<=") || is("(?<!")) return open_look(4, false);
    if (is("(*")) return fail(Errc::invalid, "'(*' verbs are not accepted");
    std::size_t head = 1;
    if (is("(?<") || is("(?P<")) {
      head = rest.find('>');
      if (head == std::string_view::npos) return fail(Errc::invalid, "a group name is not closed");
      ++head;
    } else if (is("(?")) {
      head = rest.find_first_not_of("imsx-", 2);
      if (head == std::string_view::npos || (rest[head] != ':' && rest[head] != ')')) {
        return fail(Errc::invalid,
                    "this kind of group is not accepted: " + std::string(rest.substr(0, 4)));
      }
      if (rest.substr(0, head).find('x') != std::string_view::npos) {
        return fail(Errc::invalid, "the flag x is not accepted");
      }
      ++head;
      if (rest[head - 1] == ')') {
        put(head);
        return {};
      }
    }
    put(head);
    closes_.push_back(false);
    leading_ = after_look_ = false;
    return {};
  }

  Status open_look(std::size_t head, bool ahead) {
    if (looking_) return fail(Errc::invalid, "a look-around inside a look-around");
    looking_ = true;
    looks_.push_back({"", ahead, leading_});
    closes_.push_back(true);
    at_ += head;
    return {};
  }

  Status close() {
    end_run();
    if (closes_.empty()) return fail(Errc::invalid, "a parenthesis closes nothing");
    const bool look = closes_.back();
    closes_.pop_back();
    after_look_ = look;
    if (!look) {
      put(1);
      return {};
    }
    looking_ = false;
    leading_ = looks_.back().leading;
    ++at_;
    return {};
  }

  [[nodiscard]] Status check(const Look& look, const Widths& match) {
    CORDON_TRY(const Widths widths, widths_of(look.text));
    looks_far_ = looks_far_ || widths.max > kContextBytes;
    const bool fits =
        widths.max <= kContextBytes || (look.ahead && look.leading && widths.max <= match.max);
    if (fits) return {};
    return fail(Errc::invalid, "a look-around may reach at most " + std::to_string(kContextBytes) +
                                   " bytes past the match");
  }

  void put(std::size_t count) {
    (looking_ ? looks_.back().text : stream_) += pattern_.substr(at_, count);
    at_ += count;
  }

  void end_run() {
    if (!looking_) longest_run_ = std::max(longest_run_, run_);
    run_ = 0;
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  std::string stream_;
  std::vector<Look> looks_;
  std::vector<bool> closes_;  // one per open group: whether it is a look-around
  std::uint32_t run_ = 0;
  std::uint32_t longest_run_ = 0;
  bool looking_ = false;
  bool looks_far_ = false;
  bool after_look_ = false;
  bool leading_ = true;
  bool alternates_ = false;
};

}  // namespace

Result<Expression> analyse_pattern(std::string_view pattern) {
  return Reader(pattern).read();
}

std::uint32_t width_max_of(const std::string& pattern) {
  const auto widths = widths_of(pattern);
  return !widths || widths->max == UINT32_MAX ? Price::kUnbounded : widths->max;
}

Result<std::bitset<128>> parse_byte_class(std::string_view text) {
  std::bitset<128> bytes;
  const bool brackets = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (!brackets || text[1] == '^') {
    return fail(Errc::invalid, "a tail is a class of bytes such as [A-Za-z0-9_-]");
  }
  text = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char first = text[i];
    const bool range = i + 2 < text.size() && text[i + 1] == '-';
    const char last = range ? text[i + 2] : first;
    if (first <= ' ' || last > '~' || first == '\\' || last < first) {
      return fail(Errc::invalid, "a tail lists printable ASCII, without escapes");
    }
    for (int c = first; c <= last; ++c) bytes.set(static_cast<std::size_t>(c));
    if (range) i += 2;
  }
  return bytes;
}

StreamPattern literal_pattern(std::string_view bytes, bool caseless) {
  constexpr std::string_view kHex = "0123456789abcdef";
  StreamPattern pattern;
  pattern.flags = caseless ? HS_FLAG_CASELESS : 0;
  pattern.width_max = static_cast<std::uint32_t>(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    pattern.text += "\\x";
    pattern.text += kHex[byte >> 4];
    pattern.text += kHex[byte & 15];
  }
  return pattern;
}

}  // namespace cordon::policy

// Confirms what Hyperscan only suspects: where a match begins and ends, and whether it counts.
//
// The answer for one starting byte depends on the bytes from four before it to four past the
// widest match, and on nothing else. That is what makes a decision the same however the text
// was cut.
#pragma once

#include "policy/internal/expression.h"
#include "policy/rulepack.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::policy {

/// What a search found, as offsets into the text that was searched.
struct Found {
  enum class Kind : std::uint8_t {
    nothing,  ///< no match begins in the range
    match,
    error,  ///< evaluation at `begin` passed a limit; `end` is the widest the match could reach
  };
  Kind kind = Kind::nothing;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// What a match must also be.
struct Conditions {
  Validator validator = Validator::none;
  double bits_min = 0;             ///< for entropy
  std::string group;               ///< the named group they read; empty for the whole match
  std::vector<std::string> holds;  ///< a match that holds none of these is none; empty: any
  std::vector<std::string> allow;  ///< a value that holds one of these, in any case, is none
};

/// One rule's way to find its text. Immutable; any number of threads may search with it.
class Matcher {
 public:
  /// What Hyperscan looks for.
  struct Watch {
    std::vector<StreamPattern> stream;
    std::vector<Branch> branches;
  };

  explicit Matcher(Watch watch) : watch_(std::move(watch)) {}
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;
  virtual ~Matcher() = default;

  /// Their ends say where a match may begin; see Branch.
  [[nodiscard]] const std::vector<StreamPattern>& stream() const noexcept { return watch_.stream; }
  [[nodiscard]] const std::vector<Branch>& branches() const noexcept { return watch_.branches; }
  /// The first match that begins in [from, until) of `text`, which holds kContextBytes before
  /// `from` unless the text begins there, and all the text that such a match can reach.
  [[nodiscard]] virtual Found find(std::string_view text, std::size_t from,
                                   std::size_t until) const = 0;

 private:
  Watch watch_;
};

/// Refuses as `invalid` a pattern PCRE2 refuses and a group that it does not have.
[[nodiscard]] Result<std::shared_ptr<const Matcher>> pattern_matcher(const std::string& pattern,
                                                                     const Expression& expression,
                                                                     Conditions conditions);

/// Finds whole words of the list, in any ASCII case; the longest where several begin.
[[nodiscard]] std::shared_ptr<const Matcher> dictionary_matcher(
    const std::vector<std::string>& words);

/// Finds these exact bytes anywhere; the longest where several begin.
[[nodiscard]] std::shared_ptr<const Matcher> canary_matcher(const std::vector<std::string>& tokens);

}  // namespace cordon::policy

// The text of one view, and the readers that make it.
#pragma once

#include "policy/internal/byte_classes.h"
#include "policy/view.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::policy {

/// Bytes of a view and where they came from. Positions of the view count from its first byte,
/// those of the text from the text's. Belongs to one scan.
class ViewText {
 public:
  /// The bytes [begin, end) of the text became one byte of the view when `at` bytes had come.
  struct Origin {
    std::uint64_t begin;
    std::uint64_t end;
    std::uint64_t at;
  };

  void put(char byte, const Origin& origin) {
    bytes_ += byte;
    origins_.push_back({static_cast<std::uint32_t>(origin.begin - text_base_),
                        static_cast<std::uint32_t>(origin.end - text_base_),
                        static_cast<std::uint32_t>(origin.at - text_base_)});
  }
  void put(std::string_view bytes, const Origin& origin) {
    for (const char byte : bytes) put(byte, origin);
  }
  /// Bytes of the text from `begin` on that stand for themselves, each put as it came.
  void put_same(std::string_view bytes, std::uint64_t begin) {
    bytes_ += bytes;
    auto at = static_cast<std::uint32_t>(begin - text_base_);
    const std::size_t old = origins_.size();
    origins_.resize(old + bytes.size());
    for (std::size_t i = old; i < origins_.size(); ++i, ++at) origins_[i] = {at, at + 1, at + 1};
  }
  /// Positions of the text below this one no longer occur.
  void begin_at(std::uint64_t text_base) noexcept { text_base_ = text_base; }
  /// Drops bytes of the view below `from`.
  void forget(std::uint64_t from);

  [[nodiscard]] std::string_view window() const noexcept { return bytes_; }
  [[nodiscard]] std::uint64_t base() const noexcept { return base_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return base_ + bytes_.size(); }
  [[nodiscard]] Origin origin(std::uint64_t at) const noexcept {
    const Packed& packed = origins_[at - base_];
    return {text_base_ + packed.begin, text_base_ + packed.end, text_base_ + packed.at};
  }

 private:
  struct Packed {
    std::uint32_t begin;
    std::uint32_t end;
    std::uint32_t at;
  };
  std::string bytes_;
  std::vector<Packed> origins_;
  std::uint64_t base_ = 0;
  std::uint64_t text_base_ = 0;
};

/// Makes one view of a text, byte by byte: what it puts depends on the bytes so far alone.
class ViewReader {
 public:
  static constexpr std::uint64_t kNone = UINT64_MAX;
  ViewReader() = default;
  ViewReader(const ViewReader&) = delete;
  ViewReader& operator=(const ViewReader&) = delete;
  virtual ~ViewReader() = default;

  /// Takes the byte of the text at `at`.
  virtual void take(char byte, std::uint64_t at, ViewText& out) = 0;
  /// Takes the bytes of the text from `at` on.
  virtual void take_all(std::string_view bytes, std::uint64_t at, ViewText& out) {
    for (const char byte : bytes) take(byte, at++, out);
  }
  /// The text has ended after `size` bytes: puts what was still undecided.
  virtual void finish(std::uint64_t size, ViewText& out) = 0;
  /// The first byte taken of which nothing has been put yet, or kNone.
  [[nodiscard]] virtual std::uint64_t undecided() const noexcept = 0;
};

/// A reader of any view but raw, of a text or of what follows the byte `before`.
[[nodiscard]] std::unique_ptr<ViewReader> reader_of(View view, unsigned char before = ' ');

/// What a view shows of a whole text.
[[nodiscard]] std::string whole_view(View view, std::string_view text);

/// Watches a text for the first place from which each view differs from it. A text in plain ASCII
/// pays for nothing else.
class ViewWatch {
 public:
  static constexpr std::uint64_t kNone = UINT64_MAX;
  /// A view that was called for, and reads the text otherwise from `from` on: never below what
  /// `unsure` said while it had not been called for.
  struct Start {
    View view;
    std::uint64_t at;  ///< bytes that had come by then
    std::uint64_t from;
    friend bool operator==(const Start&, const Start&) = default;
  };

  explicit ViewWatch(ViewSet wanted) noexcept : wanted_(wanted) {}
  /// Looks at the next bytes. `started` is told of every view that is first called for here.
  template <class Started>
  void look(std::string_view bytes, Started&& started) {
    while (!bytes.empty() && (wanted_ & ~found_) != 0) {
      bytes.remove_prefix(look_to_first(bytes));
      for (std::size_t i = 1; i < kViewCount && fresh_ != 0; ++i) {
        const auto view = static_cast<View>(i);
        if ((fresh_ & in(view)) != 0) started(Start{view, at_, from_[i]});
      }
      fresh_ = 0;
    }
  }
  /// The first byte that a view may still read otherwise which has not been called for, at most
  /// kViewBehindBytes back; or kNone.
  [[nodiscard]] std::uint64_t unsure() const noexcept;

 private:
  std::size_t look_to_first(std::string_view bytes);
  std::size_t step_to_first(std::string_view bytes);
  std::size_t glide(std::string_view bytes, std::size_t from) noexcept;
  [[nodiscard]] ByteClasses classes_before(std::string_view bytes, std::size_t from) const noexcept;
  [[nodiscard]] bool quiet() const noexcept;
  void remember(std::string_view bytes) noexcept;
  void step(unsigned char c) noexcept;
  void step_utf8(unsigned char c);
  void step_swap(unsigned char c, std::uint64_t at) noexcept;
  void step_joint(std::uint64_t at) noexcept;
  void find(View view, std::uint64_t from) noexcept;
  [[nodiscard]] std::uint64_t odd_from() const noexcept;

  ViewSet wanted_;
  ViewSet found_ = 0;
  ViewSet fresh_ = 0;
  std::array<std::uint64_t, kViewCount> from_{};  // by view: where it first differs
  std::uint64_t at_ = 0;                          // bytes looked at
  std::uint32_t run_ = 0;                         // base64 letters in a row
  std::uint32_t singles_ = 0;     // bytes in a row of which letters and signs take turns
  std::uint32_t joined_ = 0;      // words joined by dots and the like, without a space
  std::uint64_t joined_at_ = 0;   // the first of their joints
  std::uint64_t joined_to_ = 0;   // just past the last
  std::uint32_t swapped_ = 0;     // digits between letters, not long ago
  std::uint64_t swapped_to_ = 0;  // just past the last of those
  bool odd_ = false;              // digits beside letters
  std::uint64_t odd_at_ = 0;      // the first of them
  std::uint64_t odd_to_ = 0;      // just past the last
  std::uint64_t character_at_ = 0;
  std::uint64_t selectors_at_ = 0;
  char32_t character_ = 0;       // as far as it has come
  std::uint32_t missing_ = 0;    // bytes of it to come
  std::uint32_t selectors_ = 0;  // variation selectors in a row
  std::uint64_t rare_to_ = 0;    // just past the last byte beyond ASCII
  unsigned char before_ = ' ';
  unsigned char last_ = ' ';
  ByteClasses classes_;  // of the 64 bytes before classes_at_; before the text there is none
  std::uint64_t classes_at_ = 0;
  std::array<char, kClassedBytes> recent_{};  // the last bytes of the earlier calls
};

}  // namespace cordon::policy

// Who is to be called, through which doors, and what became of it: the fold over entries that say
// that somebody is to be called (docs/formats/page.md) and over entries of kind `page`.
//
// A page that went nowhere is on record like one that arrived: `routed` names its connectors, or
// says why it has none.
#pragma once

#include "codec/json.h"
#include "model/actor.h"
#include "model/comms.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cordon::api {

/// One door of a page, and how it ended there.
struct PageDelivery {
  std::string connector;
  std::optional<model::Delivery> ended;
  std::optional<WallTime> ended_at;
};

/// Somebody is to be called.
struct Page {
  std::string id;        ///< of the entry that says so
  std::string incident;  ///< empty: about none
  std::string containment;
  std::string person;  ///< empty: everybody of the audience
  std::string audience;
  std::string reason;
  WallTime at{};
  bool routed = false;
  std::string unsent;  ///< why it went nowhere
  std::vector<PageDelivery> outbox;
  std::optional<model::Actor> acked_by;
  std::optional<WallTime> acked_at;

  /// `waiting`, `sent` (by one door at least), `failed` or `unsent`.
  [[nodiscard]] std::string_view status() const noexcept;
};
[[nodiscard]] codec::Json to_json(const Page& page);

/// It goes to these connectors; to none for that reason.
struct PageRouted {
  std::string page;
  std::vector<std::string> connectors;
  std::string reason;
};
/// The end of one delivery.
struct PageEnded {
  std::string page;
  std::string connector;
  model::Delivery delivery;
};
/// A person says that they know.
struct PageAcked {
  std::string page;
};
using PageEvent = std::variant<PageRouted, PageEnded, PageAcked>;

/// The body of an entry of kind `page`. `incident` may be empty.
[[nodiscard]] codec::Json to_body(const PageEvent& event, std::string_view incident,
                                  const model::Actor& actor);

/// Remembered; the oldest that are over go first.
inline constexpr std::size_t kPagesMax = 10'000;

/// Belongs to the control thread; a fold, so it can be copied.
class Pages {
 public:
  void add(Page page);
  /// Refuses as `corrupt` a body that is none of its kind.
  [[nodiscard]] Status observe(const codec::Json& body, WallTime recorded);

  /// Null when there is none.
  [[nodiscard]] const Page* find(std::string_view id) const noexcept;
  /// Oldest first.
  [[nodiscard]] std::vector<const Page*> all() const;
  /// Those that still go somewhere, oldest first.
  [[nodiscard]] std::vector<const Page*> open() const;

 private:
  [[nodiscard]] Page* update(std::string_view id) noexcept;
  std::map<std::string, Page, std::less<>> pages_;
  std::deque<std::string> order_;
  std::set<std::string, std::less<>> open_;  ///< ids are of UUID version 7: oldest first
};

}  // namespace cordon::api

// Where the configuration comes from: the file, read again while the node runs.
#pragma once

#include "api/control_parts.h"
#include "containment/approvals.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cordon::api {

/// A configuration as it was read, with everything that it names.
struct Reread {
  model::Config config;
  std::map<std::string, LoadedRulepack, std::less<>> rulepacks;  ///< by name
  std::string digest;                      ///< SHA-256 of the file's bytes, lower-case hex
  std::shared_ptr<const Secrets> secrets;  ///< provider keys and certificates to trust
};

/// Implemented by app, which knows files and the environment.
class ConfigSource {
 public:
  virtual ~ConfigSource() = default;
  /// Any thread; may block on files. Refuses whole: with `file:line:col` where the fault has one,
  /// and as `conflict` if the node was started without a file.
  [[nodiscard]] virtual Result<Reread> read() const = 0;
};

/// Somebody wants the file obeyed as it stands now.
struct ReloadOrder {
  model::Actor by;
  std::string token;   ///< public id of the one that `by` used; empty: a signal of the system
  std::string reason;  ///< may be empty
  std::string digest;  ///< of the file that a second person said yes to; empty: any
  std::optional<containment::Approval> approval;
};

/// What came of it. Nothing changed: no entry and no receipt.
struct ReloadAnswer {
  std::string digest;
  std::vector<std::string> changed;         ///< one sentence for each thing
  std::vector<std::string> weaker;          ///< why a second person is needed; empty: none is
  std::optional<containment::Asked> asked;  ///< set while one is waited for
  std::string entry;                        ///< the `config_change`, once it is in force
  std::optional<containment::Receipt> receipt;
};

}  // namespace cordon::api

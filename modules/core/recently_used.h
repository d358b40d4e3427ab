#pragma once
// Values kept by key while there is room; the one not asked for longest goes first.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace core {

// Safe from many threads. Values are shared: one that goes lives on with whoever was given it. Costs are in whatever
// unit `room` is in; values are made outside of the lock, so two threads may make the same one (the first is kept).
template <class Key, class Value, class Hash = std::hash<Key>>
class RecentlyUsed {
 public:
  using Pointer = std::shared_ptr<const Value>;

  explicit RecentlyUsed(std::int64_t room) : room_(room) {}

  // What is kept under the key, or null.
  Pointer find(const Key& key) {
    const std::scoped_lock lock(mutex_);
    return found(key);
  }

  // Keeps the value, unless it costs more than the room; gives what is kept under the key, else the value itself.
  Pointer keep(const Key& key, Pointer value, std::int64_t cost) {
    const std::scoped_lock lock(mutex_);
    if (Pointer there = found(key)) return there;
    if (cost > room_) return value;
    kept_.push_front({key, value, cost});
    place_[key] = kept_.begin();
    used_ += cost;
    while (used_ > room_) {
      used_ -= kept_.back().cost;
      place_.erase(kept_.back().key);
      kept_.pop_back();
    }
    return value;
  }

  // What is kept, else what `make` returns (a Pointer), kept at this cost.
  template <class Make, class Cost>
  Pointer get(const Key& key, Make&& make, Cost&& cost) {
    if (Pointer there = find(key)) return there;
    Pointer made = make();
    const std::int64_t price = cost(*made);
    return keep(key, std::move(made), price);
  }

  std::int64_t room() const { return room_; }
  std::int64_t used() const {
    const std::scoped_lock lock(mutex_);
    return used_;
  }

 private:
  struct Entry {
    Key key;
    Pointer value;
    std::int64_t cost = 0;
  };

  Pointer found(const Key& key) {
    const auto place = place_.find(key);
    if (place == place_.end()) return nullptr;
    kept_.splice(kept_.begin(), kept_, place->second);
    return place->second->value;
  }

  const std::int64_t room_;
  mutable std::mutex mutex_;
  std::list<Entry> kept_;  // last asked for first
  std::unordered_map<Key, typename std::list<Entry>::iterator, Hash> place_;
  std::int64_t used_ = 0;
};

}  // namespace core

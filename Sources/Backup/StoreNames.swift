import Store

// What the catalog says in the words of this floor already, for those above it.
package typealias Account = Store.Account
package typealias Origin = Store.Origin
package typealias DeviceFacts = Store.DeviceFacts
package typealias DeviceDay = Store.DeviceDay
package typealias ActivityFilter = Store.ActivityFilter
package typealias ActivityRow = Store.ActivityRow
package typealias ActivityCounts = Store.ActivityCounts
package typealias PushPlace = Store.PushPlace
package typealias PushQuiet = Store.PushQuiet
package typealias PushState = Store.PushState
package typealias ActivityKind = Store.ActivityKind
package typealias Uptime = Store.Uptime
package typealias HolderRow = Store.HolderRow

/// A handle of Dispatch or OpenSSL that crosses threads.
///
/// `@unchecked Sendable`: Dispatch sources may be used from any thread and only their Swift type does not say so;
/// OpenSSL's pointers are used under the lock that holds the handle.
struct Handle<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

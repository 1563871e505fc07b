import HTTPTypes

/// One line of the map of URLs: a method, a pattern such as `/api/assets/{id}/original`, and who answers.
package struct Route: Sendable {
  package typealias Handler = @Sendable (Request) async throws -> Response

  package let method: HTTPRequest.Method
  package let pattern: String
  /// The largest body in bytes; nil where only disk and quota limit it.
  package let bodyLimit: Int64?
  package let handler: Handler

  /// - Parameter bodyLimit: 1 MiB unless said otherwise, enough for every JSON request but the bulk ones.
  package init(
    _ method: HTTPRequest.Method, _ pattern: String, bodyLimit: Int64? = 1 << 20, _ handler: @escaping Handler
  ) {
    (self.method, self.pattern, self.bodyLimit, self.handler) = (method, pattern, bodyLimit, handler)
  }
}

/// Finds the route for a request: literal segments win over `{name}` segments.
package struct Router: Sendable {
  package enum Match: Sendable {
    case route(Route, parameters: [String: String])
    /// The path exists, but not for this method; the methods it has.
    case wrongMethod(allowed: [HTTPRequest.Method])
    case notFound
  }

  private final class Node: Sendable {
    let literals: [String: Node]
    let parameter: Node?
    let routes: [(Route, names: [String])]

    init(_ entries: [(path: ArraySlice<String>, names: [String], route: Route)]) {
      routes = entries.filter { $0.path.isEmpty }.map { ($0.route, $0.names) }
      var byLiteral: [String: [(path: ArraySlice<String>, names: [String], route: Route)]] = [:]
      var named: [(path: ArraySlice<String>, names: [String], route: Route)] = []
      for entry in entries {
        guard let first = entry.path.first else { continue }
        if first.hasPrefix("{") {
          named.append((entry.path.dropFirst(), entry.names + [String(first.dropFirst().dropLast())], entry.route))
        } else {
          byLiteral[first, default: []].append((entry.path.dropFirst(), entry.names, entry.route))
        }
      }
      literals = byLiteral.mapValues { Node($0) }
      parameter = named.isEmpty ? nil : Node(named)
    }
  }

  private let root: Node

  package init(_ routes: [Route]) {
    root = Node(
      routes.map { route in (route.pattern.split(separator: "/").map(String.init)[...], [], route) })
  }

  /// HEAD is answered by the GET route; the server leaves the body out.
  package func match(_ method: HTTPRequest.Method, _ segments: [String]) -> Match {
    var allowed: [HTTPRequest.Method] = []
    if let found = find(root, segments, 0, [], method, &allowed) { return found }
    return allowed.isEmpty ? .notFound : .wrongMethod(allowed: allowed)
  }

  private func find(
    _ node: Node, _ segments: [String], _ index: Int, _ values: [String], _ method: HTTPRequest.Method,
    _ allowed: inout [HTTPRequest.Method]
  ) -> Match? {
    guard index < segments.count else {
      for (route, names) in node.routes where route.method == method || (method == .head && route.method == .get) {
        guard !names.isEmpty else { return .route(route, parameters: [:]) }
        return .route(route, parameters: Dictionary(zip(names, values), uniquingKeysWith: { first, _ in first }))
      }
      allowed += node.routes.map(\.0.method)
      return nil
    }
    let first = segments[index]
    if let next = node.literals[first], let found = find(next, segments, index + 1, values, method, &allowed) {
      return found
    }
    if let next = node.parameter { return find(next, segments, index + 1, values + [first], method, &allowed) }
    return nil
  }
}

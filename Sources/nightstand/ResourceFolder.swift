import Ground

/// The folder that holds `migrations/` and `Public/`. Never the current directory: the program works from any.
struct ResourceFolder {
  let path: String

  var migrations: String { path + "/migrations" }
  /// The admin page's files; nil where the folder is missing, which leaves the API as it is.
  var publicFolder: String? { Self.isFolder(path + "/Public") ? path + "/Public" : nil }

  /// - Parameter chosen: from `--resources`; else the program's own folder is tried, and every folder above it.
  init(chosen: String?) throws {
    if let chosen {
      guard Self.isFolder(chosen + "/migrations") else {
        throw OperatorError(
          .configuration, "there is no migrations/ folder in \(printable(chosen))",
          hint: "point --resources at the folder that holds migrations/ and Public/")
      }
      path = chosen
      return
    }
    do {
      var folder = FileSystem.parent(of: try ThisProcess.executablePath())
      while !Self.isFolder(folder + "/migrations") {
        let above = FileSystem.parent(of: folder)
        guard above != folder else {
          throw OperatorError(
            .configuration, "migrations/ is neither beside the program nor in a folder above it",
            hint: "point --resources (or NIGHTSTAND_RESOURCES) at the folder that holds migrations/ and Public/")
        }
        folder = above
      }
      path = folder
    } catch let error as SystemError {
      throw OperatorError(error)
    }
  }

  private static func isFolder(_ path: String) -> Bool {
    // A trailing slash makes lstat follow a symbolic link, which packagers like to leave here.
    (try? FileSystem.status(path + "/"))??.isFolder == true
  }
}

import Backup
import HTTPServer
import HTTPTypes

/// `/api/backup/uploads`: one resource, two protocols. `Tus-Resumable` means tus 1.0.0, everything else is the IETF draft;
/// an upload that began in one may go on in the other.
struct UploadResource: Sendable {
  let uploads: Uploads
  let tus: TusDoor
  let draft: DraftDoor
}

// libssl and libcrypto, and Swift-callable names for the parts of OpenSSL that are macros.
#pragma once
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

static inline long ns_ssl_ctx_set_min_proto(SSL_CTX *ctx, int version) { return SSL_CTX_set_min_proto_version(ctx, version); }
static inline long ns_ssl_ctx_set_mode(SSL_CTX *ctx, long mode) { return SSL_CTX_set_mode(ctx, mode); }
// No renegotiation (a cheap way to burn a server's time) and no compression (CRIME). A peer that ends TCP without a
// close_notify has ended its stream: HTTP frames its bodies itself, so nothing is taken for whole that is not.
static inline void ns_ssl_ctx_set_rules(SSL_CTX *ctx) {
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_IGNORE_UNEXPECTED_EOF);
}
// A key with a passphrase is refused; without this OpenSSL would ask for it on the terminal and wait.
static inline int ns_no_passphrase(char *buffer, int size, int writing, void *context) { return 0; }
static inline void ns_ssl_ctx_refuse_passphrase(SSL_CTX *ctx) { SSL_CTX_set_default_passwd_cb(ctx, ns_no_passphrase); }
static inline void ns_ssl_ctx_set_read_ahead(SSL_CTX *ctx, int on) { SSL_CTX_set_read_ahead(ctx, on); }
static inline long ns_ssl_ctx_set_session_cache_mode(SSL_CTX *ctx, long mode) { return SSL_CTX_set_session_cache_mode(ctx, mode); }

// SHA-1 with a state that can be kept and taken up again, which EVP hides. The low-level functions are deprecated in
// favour of EVP, which ends in the same assembly.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
static inline void ns_sha1_init(SHA_CTX *context) { SHA1_Init(context); }
static inline void ns_sha1_update(SHA_CTX *context, const void *bytes, size_t count) { SHA1_Update(context, bytes, count); }
static inline void ns_sha1_final(SHA_CTX *context, unsigned char *digest) { SHA1_Final(digest, context); }
#pragma clang diagnostic pop

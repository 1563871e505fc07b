// libcurl, loaded when the first request leaves: with what it brings along it costs 4 MB resident, which a server that
// wakes nobody need not pay. Its functions are found by name then; `curl_easy_setopt` takes any type, which Swift cannot say.
#pragma once
#include <curl/curl.h>
#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ns_curl {
  CURLcode (*global_init)(long);
  CURL *(*easy_init)(void);
  void (*easy_cleanup)(CURL *);
  CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
  CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
  const char *(*easy_strerror)(CURLcode);
  struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
  void (*slist_free_all)(struct curl_slist *);
  CURLM *(*multi_init)(void);
  CURLMcode (*multi_cleanup)(CURLM *);
  CURLMcode (*multi_setopt)(CURLM *, CURLMoption, ...);
  CURLMcode (*multi_add_handle)(CURLM *, CURL *);
  CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
  CURLMcode (*multi_perform)(CURLM *, int *);
  CURLMcode (*multi_poll)(CURLM *, struct curl_waitfd *, unsigned, int, int *);
  CURLMcode (*multi_wakeup)(CURLM *);
  CURLMsg *(*multi_info_read)(CURLM *, int *);
};

// 0, or -1 where the library or one of its functions is missing. Never unloaded.
static inline int ns_curl_load(struct ns_curl *curl) {
  void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) return -1;
#define NS_FIND(name) \
  if (!(*(void **)&curl->name = dlsym(library, "curl_" #name))) return -1
  NS_FIND(global_init); NS_FIND(easy_init); NS_FIND(easy_cleanup); NS_FIND(easy_setopt); NS_FIND(easy_getinfo);
  NS_FIND(easy_strerror); NS_FIND(slist_append); NS_FIND(slist_free_all); NS_FIND(multi_init); NS_FIND(multi_cleanup);
  NS_FIND(multi_setopt); NS_FIND(multi_add_handle); NS_FIND(multi_remove_handle); NS_FIND(multi_perform);
  NS_FIND(multi_poll); NS_FIND(multi_wakeup); NS_FIND(multi_info_read);
#undef NS_FIND
  return curl->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1;
}

static inline CURLcode ns_curl_set_number(const struct ns_curl *curl, CURL *easy, CURLoption option, long value) {
  return curl->easy_setopt(easy, option, value);
}
// libcurl keeps a copy.
static inline CURLcode ns_curl_set_text(const struct ns_curl *curl, CURL *easy, CURLoption option, const char *value) {
  return curl->easy_setopt(easy, option, value);
}
static inline CURLcode ns_curl_set_list(const struct ns_curl *curl, CURL *easy, CURLoption option, struct curl_slist *list) {
  return curl->easy_setopt(easy, option, list);
}

typedef size_t (*ns_curl_bytes)(char *, size_t, size_t, void *);
static inline CURLcode ns_curl_set_bytes(
    const struct ns_curl *curl, CURL *easy, CURLoption function, ns_curl_bytes call, CURLoption data, void *context) {
  CURLcode code = curl->easy_setopt(easy, function, call);
  return code ? code : curl->easy_setopt(easy, data, context);
}
typedef curl_socket_t (*ns_curl_opener)(void *, curlsocktype, struct curl_sockaddr *);
static inline CURLcode ns_curl_set_opener(const struct ns_curl *curl, CURL *easy, ns_curl_opener call, void *context) {
  CURLcode code = curl->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, call);
  return code ? code : curl->easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context);
}

static inline long ns_curl_status(const struct ns_curl *curl, CURL *easy) {
  long status = 0;
  curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return status;
}
static inline CURLMcode ns_curl_set_multi(const struct ns_curl *curl, CURLM *multi, CURLMoption option, long value) {
  return curl->multi_setopt(multi, option, value);
}
// What ended: its handle, and how; NULL where nothing did.
static inline CURL *ns_curl_ended(const struct ns_curl *curl, CURLM *multi, CURLcode *code) {
  int left = 0;
  CURLMsg *message;
  while ((message = curl->multi_info_read(multi, &left))) {
    if (message->msg != CURLMSG_DONE) continue;
    *code = message->data.result;
    return message->easy_handle;
  }
  return 0;
}

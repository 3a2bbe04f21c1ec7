#include "common/admin.h"

#include <stdlib.h>
#include <string.h>

#include "common/http_server.h"
#include "common/metrics.h"

#define ADMIN_CONNECTIONS_MAX 64
#define ADMIN_TEXT_BYTES      1024

struct admin {
    struct admin_options options; /* listen is not used after create */
    struct http_server *server;   /* owned */
};

static void answer_metrics(struct admin *admin, struct http_request *req)
{
    char *text;
    size_t len;

    if (admin->options.refresh)
        admin->options.refresh(admin->options.arg);
    if (metrics_render(admin->options.metrics, &text, &len)) {
        http_respond_text(req, 503, "out of memory\n");
        return;
    }
    http_respond(req, 200, "text/plain; version=0.0.4", text, len, NULL);
    free(text);
}

static void answer_ready(struct admin *admin, struct http_request *req)
{
    char text[ADMIN_TEXT_BYTES] = "";

    if (admin->options.ready(text, sizeof text, admin->options.arg))
        http_respond_text(req, 200, "ready\n");
    else
        http_respond_text(req, 503, text);
}

static void handle(struct http_request *req, void *arg)
{
    struct admin *admin = arg;
    const char *method = http_request_method(req);
    const char *path = http_request_path(req);

    if (strcmp(path, "/healthz") != 0 && strcmp(path, "/readyz") != 0 && strcmp(path, "/metrics") != 0)
        http_respond_text(req, 404, "try /healthz, /readyz or /metrics\n");
    else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        http_respond(req, 405, "text/plain", "GET only\n", strlen("GET only\n"), "Allow: GET, HEAD\r\n");
    else if (path[1] == 'h')
        http_respond_text(req, 200, "ok\n");
    else if (path[1] == 'r')
        answer_ready(admin, req);
    else
        answer_metrics(admin, req);
}

enum err admin_create(struct event_base *base, const struct admin_options *options, struct admin **ret_admin,
                      struct failure *fail)
{
    struct http_server_options server = http_server_options_default();
    struct admin *admin = calloc(1, sizeof *admin);
    enum err err;

    if (!admin)
        return failf(fail, ERR_NOMEM, "out of memory");
    admin->options = *options;
    server.listen = options->listen;
    server.connections_max = ADMIN_CONNECTIONS_MAX;
    server.body_bytes_max = 0;
    err = http_server_create(base, &server, handle, admin, &admin->server, fail);
    if (err) {
        free(admin);
        return err;
    }
    *ret_admin = admin;
    return ERR_OK;
}

void admin_free(struct admin *admin)
{
    if (!admin)
        return;
    http_server_free(admin->server);
    free(admin);
}

uint16_t admin_port(const struct admin *admin)
{
    return http_server_port(admin->server);
}

/* json.h - writes JSON (RFC 8259), one value on one line, to a stream.
 *
 *   MhoJson json;
 *   mho_json_start(&json, stdout);
 *   mho_json_object(&json, NULL);
 *   mho_json_text(&json, "file", path);
 *   mho_json_array(&json, "accuracy");
 *   mho_json_real(&json, NULL, 0.88);
 *   mho_json_end(&json);
 *   mho_json_end(&json);
 *
 * prints {"file": "r.h5", "accuracy": [0.88]} and, when the outermost value ends, a newline. key is NULL inside arrays
 * and for the outermost value. Errors of the stream are found by the caller's fflush.
 */
#ifndef MHO_BASE_JSON_H
#define MHO_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { MHO_JSON_MAX_DEPTH = 32 }; /* objects and arrays inside each other; deeper ones become null */

typedef struct MhoJson {
    FILE *out;
    unsigned depth;
    char ends[MHO_JSON_MAX_DEPTH]; /* what closes each open object or array */
    bool has_member[MHO_JSON_MAX_DEPTH + 1];
} MhoJson;

void mho_json_start(MhoJson *json, FILE *out);
void mho_json_object(MhoJson *json, const char *key);
void mho_json_array(MhoJson *json, const char *key);
void mho_json_end(MhoJson *json); /* of the object or array that was started last */

/* Control characters become \uXXXX, bytes that are not UTF-8 the replacement character U+FFFD. NULL: null. */
void mho_json_text(MhoJson *json, const char *key, const char *text);
void mho_json_real(MhoJson *json, const char *key, double value); /* shortest text that reads back; NaN, inf: null */
void mho_json_int(MhoJson *json, const char *key, int64_t value);
void mho_json_bool(MhoJson *json, const char *key, bool value);
void mho_json_null(MhoJson *json, const char *key);

#endif

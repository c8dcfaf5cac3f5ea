/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_IMAGE_JSON_H
#define CRBPF_IMAGE_JSON_H

/* Messages and images as JSON, by their descriptors; the same as `crit decode --pretty` prints. */

#include <protobuf-c/protobuf-c.h>

struct error;
struct image;
struct json;

/* One message as an object. */
void json_message(struct json *json, const char *key, const ProtobufCMessage *msg);
/* Its fields, as members of the object that is open. */
void json_message_fields(struct json *json, const ProtobufCMessage *msg);

/*
 * A whole image: its magic's name and its entries with the bytes that follow them.
 * Of a raw image only the size. Returns 0 or -errno; what was good has been printed
 * then and the JSON is complete, with a member "error".
 */
int json_image(struct json *json, const char *key, struct image *image, struct error *err);

#endif

/* api_internal.h - the handles of mho.h, and what its functions share. */
#ifndef MHO_API_API_INTERNAL_H
#define MHO_API_API_INTERNAL_H

#include "data/dataset.h"
#include "mho/mho.h"
#include "net/graph/net.h"
#include "study/keys/study.h"

struct MhoImages {
    MhoDataset set;
};

struct MhoModel {
    MhoNet *net;
    char digest[65];
};

/* A pointer that a public function needs. */
typedef struct MhoNeed {
    const void *pointer;
    const char *name;
} MhoNeed;

/* USAGE when error or one of n pointers is NULL; the message names function and pointer. */
MhoStatus mho_api_need_all(const char *function, const MhoNeed *needs, size_t n, MhoError *error) MHO_CHECKED;
#define mho_api_need(error, ...)                               \
    mho_api_need_all(__func__, (const MhoNeed[]){__VA_ARGS__}, \
                     sizeof((const MhoNeed[]){__VA_ARGS__}) / sizeof(MhoNeed), error)

/* Options of the caller, or the defaults for NULL. */
MhoRunOptions mho_api_options(const MhoRunOptions *options);

/* Layers with weights. */
size_t mho_api_n_layers(const MhoNet *net);
/* The shape of its images. */
MhoShape mho_api_input_shape(const MhoNet *net);

#endif

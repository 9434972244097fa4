/* model_file.h - trained networks as files, and training one when a study needs it. */
#ifndef MHO_STUDY_MODELS_MODEL_FILE_H
#define MHO_STUDY_MODELS_MODEL_FILE_H

#include "base/log.h"
#include "data/dataset.h"
#include "net/graph/net.h"
#include "study/keys/settings.h"

/* What becomes of a checkpoint that an unfinished run of the same recipe has left. */
typedef enum MhoResume {
    MHO_RESUME_FOUND, /* training goes on from it; a damaged one is ignored after a warning */
    MHO_RESUME_ASKED, /* training goes on from it; a damaged one is an error */
    MHO_RESUME_NONE   /* it is removed: training starts from the beginning */
} MhoResume;

typedef struct MhoModelOptions {
    const char *data; /* --data; NULL: not given */
    int threads;
    int batch;    /* images classified at once; 0: the usual number */
    bool retrain; /* train even when a model of this recipe is there, */
    char **made;  /* but not what was made since: paths, each between two line ends, the caller frees them. NULL:
                   * not training */
    MhoResume resume;
    bool may_train;          /* the study has a train: section */
    const char *checkpoints; /* folder of checkpoints; NULL: results/checkpoints */
    const char *rename;      /* how to name another model, for messages; NULL: "--set model=FILE" */
    const MhoLog *log;
} MhoModelOptions;

/* Load a model file (mho's own or written by another program to the documented schema). digest: 64 hex digits over its
 * payload. */
MhoStatus mho_model_load(const char *path, MhoNet **net, char digest[65], MhoError *error) MHO_CHECKED;

/* The net of settings: loaded from its file. Where the study has a train: section, it is trained first when the file is
 * missing, and a file that this recipe did not make is refused as by mho_model_train. Without one, any model is loaded
 * and a missing file is an INPUT error with the remedy. */
MhoStatus mho_model_ensure(const MhoSettings *settings, const MhoModelOptions *options, MhoNet **net, char digest[65],
                           MhoError *error) MHO_CHECKED;

/* Train by the recipe of settings into path. Nothing is trained when the model of this recipe is there (*is_there,
 * which may be NULL), unless options->retrain. USAGE, naming what differs, when the file there was not made by this
 * recipe; only options->retrain replaces it, and only if it is a model. One process at a time trains a model: another
 * waits and takes the finished one. Checkpoints are written after every epoch, every five minutes and on a stop request
 * (STOPPED), and are removed when the model is written. In a family of models, whose name has {recipe}, the stages'
 * float stage is trained once for all members into a model of its own beside them, named float- and 12 digits of the
 * recipe it has alone; every member comes out with the same payload as without it. */
MhoStatus mho_model_train(const MhoSettings *settings, const MhoModelOptions *options, const char *path, bool *is_there,
                          MhoError *error) MHO_CHECKED;

/* Whether the model of settings may be written to path, as mho_model_train sees it, before any work. */
MhoStatus mho_model_check(const MhoSettings *settings, const MhoModelOptions *options, const char *path,
                          MhoError *error) MHO_CHECKED;

/* Was the model at path made since options->made was empty? */
bool mho_model_was_made(const MhoModelOptions *options, const char *path);

/* FOLDER/NAME-RECIPE-PATH.h5 (folder NULL: results/checkpoints below the current folder): NAME is the model's without
 * folder and ending, RECIPE 12 digits, PATH 6 digits that tell a/net.h5 from b/net.h5: of the model's folder as seen
 * from the current one, however it is written. */
MhoStatus mho_checkpoint_path(const char *folder, const char *model, const char *recipe, char *path, size_t size,
                              MhoError *error) MHO_CHECKED;

/* Quantize after training when the net is float and quant.weight.bits and quant.activation.bits are set; ranges come
 * from images (n, h, w, c) of the training set. A quantized net is passed on as it is (asking it for other bits is an
 * error). *net may be replaced. */
MhoStatus mho_model_quantize(const MhoSettings *settings, const MhoDataset *calibration, int threads, const MhoLog *log,
                             MhoNet **net, MhoError *error) MHO_CHECKED;

/* Images of settings: the split they are classified on, and the first `calibration` training images. HDF5 sets go
 * through store. */
MhoStatus mho_study_images(const MhoSettings *settings, const char *data_option, MhoDataset *set,
                           MhoError *error) MHO_CHECKED;
MhoStatus mho_study_calibration(const MhoSettings *settings, const char *data_option, MhoDataset *set,
                                MhoError *error) MHO_CHECKED;
/* Find the digest of the training images in use, before some of them become the validation images, and store it in
 * settings, so that it is part of the recipe. The same data keys and unchanged files are read once. The errors of
 * mho_study_training. */
MhoStatus mho_study_identify(MhoSettings *settings, const char *data_option, MhoError *error) MHO_CHECKED;
/* Halves of the training set: what is trained on (NULL: not wanted) and what validates. */
MhoStatus mho_study_training(const MhoSettings *settings, const char *data_option, MhoDataset *training,
                             MhoDataset *validation, MhoError *error) MHO_CHECKED;

/* Create every folder on the way to path. */
MhoStatus mho_make_folders(const char *path, MhoError *error) MHO_CHECKED;

/* IO error when no file can be made in the folder of path: known before hours of work, not after. */
MhoStatus mho_check_writable(const char *path, MhoError *error) MHO_CHECKED;

#endif

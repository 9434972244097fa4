/* model_recipe.h - what made a model file, and whether it is what a study asks for. */
#ifndef MHO_STUDY_MODELS_MODEL_RECIPE_H
#define MHO_STUDY_MODELS_MODEL_RECIPE_H

#include "base/record.h"
#include "study/keys/settings.h"

enum { MHO_RECIPE_WHY_MAX = 640 };

/* What lies where a model is to be written. */
typedef enum MhoModelFound {
    MHO_MODEL_NONE,   /* nothing */
    MHO_MODEL_MADE,   /* the model of this recipe */
    MHO_MODEL_OTHER,  /* a model of another recipe or of another program, or one that is damaged */
    MHO_MODEL_FOREIGN /* no model at all */
} MhoModelFound;

/* Compare the file at path with the recipe of settings. why: for OTHER and FOREIGN what it is, to follow "PATH exists
 * and "; up to three keys that differ are named. */
MhoStatus mho_model_find(const char *path, const MhoSettings *settings, MhoModelFound *found,
                         char why[MHO_RECIPE_WHY_MAX], MhoError *error) MHO_CHECKED;

/* How two recipe texts (lines "key=value") differ: "train.stages is float:2 there and float:3 here, ... and N more".
 * "" when they are equal. */
void mho_recipe_difference(const char *there, const char *here, char *text, size_t size);

/* The attribute `name` of a record's group provenance, or "". */
const char *mho_provenance_text(const MhoRecord *record, const char *name);

#endif

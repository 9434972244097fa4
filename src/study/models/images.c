/* images.c - the images a study trains on, calibrates with and classifies. */
#include <stdio.h>
#include <string.h>

#include "data/remember.h"
#include "store/store.h"
#include "study/models/model_file.h"

/* given: the set's name in the study. */
static MhoStatus load(const MhoSettings *settings, const char *given, const char *data_option, MhoSplit split,
                      size_t limit, MhoDataset *set, MhoError *error)
{
    char name[MHO_DATA_PATH_MAX];
    MhoRecord *record = NULL;
    MhoStatus status = mho_settings_data_path(settings, given, name, error);
    const bool is_hdf5 = status == MHO_OK && mho_is_hdf5_name(name);
    if (status == MHO_OK && !is_hdf5)
        status = mho_dataset_load(name, data_option, split, limit, set, error);
    if (is_hdf5)
        status = mho_store_read(name, false, &record, error);
    if (status == MHO_OK && is_hdf5)
        status = mho_dataset_from_record(record, name, limit, set, error);
    mho_record_destroy(record);
    if (status == MHO_OK && strcmp(name, given) != 0) /* results name it as the study does, from any folder */
        snprintf(set->name, sizeof set->name, "%s", given);
    return status;
}

static const char *training_name(const MhoStudyParams *study)
{
    return study->data_train[0] ? study->data_train : study->data_name;
}

/* Sets given by path hold one split: without data.train there are no training images, and the test images must not
 * take their place. */
static MhoStatus check_training(const MhoStudyParams *study, MhoError *error)
{
    bool by_path = strchr(study->data_name, ':') || mho_is_hdf5_name(study->data_name);
    if (by_path && !study->data_train[0])
        return mho_fail(error, MHO_USAGE,
                        "data.train: training images are needed and data.name = %s is a path; say where they are",
                        study->data_name);
    return MHO_OK;
}

/* The digest of the first `limit` images of an HDF5 file, remembered like those of other sets. */
static MhoStatus identify_hdf5(const MhoSettings *settings, const char *path, size_t limit, char digest[65],
                               MhoError *error)
{
    char what[64];
    MhoStamp stamp;
    snprintf(what, sizeof what, "digest of images, hdf5, limit %zu", limit);
    const bool stamped = mho_stamp_files(what, &path, 1, &stamp);
    if (stamped && mho_stamp_recall(&stamp, digest))
        return MHO_OK;
    MhoDataset all = {0};
    MhoStatus status = load(settings, path, NULL, MHO_SPLIT_TRAIN, limit, &all, error);
    if (status == MHO_OK)
        memcpy(digest, all.digest, sizeof all.digest);
    if (status == MHO_OK && stamped)
        mho_stamp_remember(&stamp, what, &path, 1, digest);
    mho_dataset_destroy(&all);
    return status;
}

static MhoStatus identify(const MhoSettings *settings, const char *given, const char *data_option, size_t limit,
                          char digest[65], MhoError *error)
{
    char name[MHO_DATA_PATH_MAX];
    MhoStatus status = mho_settings_data_path(settings, given, name, error);
    if (status != MHO_OK)
        return status;
    if (mho_is_hdf5_name(name))
        return identify_hdf5(settings, name, limit, digest, error);
    if (mho_dataset_recall(name, data_option, MHO_SPLIT_TRAIN, limit, digest))
        return MHO_OK;
    MhoDataset all = {0};
    status = load(settings, name, data_option, MHO_SPLIT_TRAIN, limit, &all, error);
    if (status == MHO_OK)
        memcpy(digest, all.digest, sizeof all.digest);
    mho_dataset_destroy(&all);
    return status;
}

MhoStatus mho_study_identify(MhoSettings *settings, const char *data_option, MhoError *error)
{
    char digest[65] = "";
    MhoStatus status = check_training(mho_settings_study(settings), error);
    if (status == MHO_OK)
        status = identify(settings, training_name(mho_settings_study(settings)), data_option,
                          (size_t)mho_settings_train(settings)->limit, digest, error);
    if (status == MHO_OK)
        mho_settings_set_training_digest(settings, digest);
    return status;
}

MhoStatus mho_study_training(const MhoSettings *settings, const char *data_option, MhoDataset *training,
                             MhoDataset *validation, MhoError *error)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    const MhoTrainParams *train = mho_settings_train(settings);
    MhoDataset all = {0};
    MhoStatus status = check_training(study, error);
    if (status == MHO_OK)
        status = load(settings, training_name(study), data_option, MHO_SPLIT_TRAIN, (size_t)train->limit, &all, error);
    if (status == MHO_OK && (size_t)train->validation >= all.n)
        status = mho_fail(error, MHO_USAGE, "train.validation: %d of %zu training images leaves none to train on",
                          train->validation, all.n);
    if (status == MHO_OK)
        status = mho_dataset_split(&all, (size_t)train->validation, (uint64_t)study->seed, training, validation, error);
    mho_dataset_destroy(&all);
    return status;
}

MhoStatus mho_study_calibration(const MhoSettings *settings, const char *data_option, MhoDataset *set, MhoError *error)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    MhoStatus status = check_training(study, error);
    return status == MHO_OK ? load(settings, training_name(study), data_option, MHO_SPLIT_TRAIN,
                                   (size_t)study->calibration, set, error)
                            : status;
}

MhoStatus mho_study_images(const MhoSettings *settings, const char *data_option, MhoDataset *set, MhoError *error)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    if (study->split == MHO_DATA_TEST)
        return load(settings, study->data_name, data_option, MHO_SPLIT_TEST, (size_t)study->limit, set, error);
    if (study->split == MHO_DATA_TRAIN)
        return load(settings, training_name(study), data_option, MHO_SPLIT_TRAIN, (size_t)study->limit, set, error);
    MhoStatus status = mho_study_training(settings, data_option, NULL, set, error);
    if (status == MHO_OK && study->limit > 0 && (size_t)study->limit < set->n) {
        set->n = (size_t)study->limit; /* the rest stays allocated until destroy */
        mho_dataset_identify(set);
    }
    return status;
}

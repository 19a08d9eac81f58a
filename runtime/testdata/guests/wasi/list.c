// Lists everything under a folder (/in when none is named), sorted, with types and sizes.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int files, folders;

static void list(const char *path) {
    struct dirent **entry;
    int n = scandir(path, &entry, NULL, alphasort);
    if (n < 0) {
        printf("%s: %s\n", path, strerror(errno));
        exit(1);
    }
    for (int i = 0; i < n; i++) {
        const char *name = entry[i]->d_name;
        if (!strcmp(name, ".") || !strcmp(name, "..")) continue;
        char child[1024];
        snprintf(child, sizeof child, "%s/%s", path, name);
        struct stat st;
        if (stat(child, &st)) {
            printf("%s: %s\n", child, strerror(errno));
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            if (entry[i]->d_type != DT_DIR) printf("%s: d_type is not DT_DIR\n", child);
            printf("d %s\n", child);
            folders++;
            list(child);
        } else {
            printf("- %s %lld\n", child, (long long)st.st_size);
            files++;
        }
        free(entry[i]);
    }
    free(entry);
}

int main(int argc, char **argv) {
    list(argc > 1 ? argv[1] : "/in");
    printf("%d files, %d folders\n", files, folders);
    return 0;
}

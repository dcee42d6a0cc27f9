/* scene.c - the one pointer that cooks read: how it is replaced, and when what it led to may go. */
#include "session.h"
#include <stdlib.h>
#include <string.h>

wh__scene *wh__scene_of(const wh_session *s)
{
    return atomic_load(&((wh_session *)s)->scene);
}

static void free_scene(wh__scene *scene)
{
    wh__plan_drop(scene->plan);
    wh__settings_drop(scene->settings);
    free(scene->failure);
    free(scene);
}

wh__scene *wh__scene_new(wh__plan *plan, wh__settings *settings, wh_status status, const char *failure)
{
    static atomic_ullong scenes;
    wh__scene *scene = calloc(1, sizeof *scene);
    if (!scene)
        return NULL;
    scene->number = atomic_fetch_add(&scenes, 1) + 1;
    scene->plan = plan;
    scene->settings = settings;
    scene->status = status;
    scene->failure = failure ? strdup(failure) : NULL;
    return scene;
}

void wh__scene_replace(wh_session *s, wh__scene *now)
{
    wh__scene *old = atomic_exchange(&s->scene, now);
    if (!old)
        return;
    old->next = s->replaced;
    s->replaced = old;
}

bool wh__plan_crashed(const wh__plan *p)
{
    for (uint32_t i = 0; p && i < p->call_count; i++)
        if (atomic_load(&p->call[i]->kernel->module->bad))
            return true;
    return false;
}

bool wh__scene_publish(wh_session *s, wh__plan *plan, wh__settings *settings, wh_status status, const char *failure)
{
    wh__scene *now = wh__scene_new(plan, settings, status, failure);
    pthread_mutex_lock(&s->publish_lock);
    const bool ok = now && (failure || !wh__plan_crashed(plan));
    if (ok)
        wh__scene_replace(s, now);
    pthread_mutex_unlock(&s->publish_lock);
    if (ok)
        return true;
    free(now ? now->failure : NULL);
    free(now);
    wh__plan_drop(plan);
    wh__settings_drop(settings);
    return false;
}

/* A crash may replace the scene between the moment that [main] looked at it and now: the plan is the one of now. */
bool wh__scene_set(wh_session *s, wh__settings *settings)
{
    pthread_mutex_lock(&s->publish_lock);
    const wh__scene *old = wh__scene_of(s);
    wh__scene *now = wh__scene_new(old->plan, settings, old->status, old->failure);
    if (now) {
        wh__plan_keep(old->plan);
        wh__scene_replace(s, now);
    }
    pthread_mutex_unlock(&s->publish_lock);
    if (!now)
        wh__settings_drop(settings);
    return now;
}

void wh__scene_sweep(wh_session *s)
{
    wh__scene *list, *next;
    pthread_mutex_lock(&s->publish_lock);
    list = s->replaced;
    s->replaced = NULL;
    pthread_mutex_unlock(&s->publish_lock);
    for (; list; list = next) {
        next = list->next;
        if (!wh__is_pinned(list)) {
            free_scene(list);
            continue;
        }
        pthread_mutex_lock(&s->publish_lock);
        list->next = s->replaced;
        s->replaced = list;
        pthread_mutex_unlock(&s->publish_lock);
    }
}

void wh__scene_close(wh_session *s)
{
    wh__scene_sweep(s);
    wh__scene *scene = atomic_exchange(&s->scene, NULL);
    if (scene)
        free_scene(scene);
}

bool wh__scene_is_cooking(wh_session *s)
{
    return wh__is_pinned(wh__scene_of(s));
}

/* commands.h - whorlReload, whorlStatus, whorlPin, whorlFill. */
#pragma once
#include <maya/MArgDatabase.h>
#include <maya/MArgList.h>
#include <maya/MDagModifier.h>
#include <maya/MPxCommand.h>
#include <maya/MSyntax.h>
#include <string>

/* whorlReload [-wait SECONDS]: takes over what was saved, where no timer does (batch, mayapy); waits so long for a
 * compiler. 1: something was. */
class WhorlReload : public MPxCommand
{
  public:
    MStatus doIt(const MArgList &arguments) override;
    static MSyntax syntax();
};

/* whorlStatus [-query -file|-message|-generation|-serial NODE]: without a flag, JSON of every open pipeline, or of the
 * node's. */
class WhorlStatus : public MPxCommand
{
  public:
    MStatus doIt(const MArgList &arguments) override;
    static MSyntax syntax();
};

/* whorlPin -kernel "deform.twist" [-generation N] [-hold false] NODE: makes a generation live, and holds it, whatever
 * is saved, until generation 0, the newest, is asked for. whorlStatus says which is live. Undoable. */
class WhorlPin : public MPxCommand
{
  public:
    MStatus doIt(const MArgList &arguments) override;
    MStatus redoIt() override;
    MStatus undoIt() override;
    bool isUndoable() const override;
    static MSyntax syntax();

  private:
    MStatus use(unsigned generation, bool pin);
    std::string file_, kernel_;
    unsigned generation_ = 0, before_ = 0;
    bool pin_ = true, pinned_before_ = false;
};

/* whorlFill [-pipeline FILE] [-sampler NAME] [-name NAME] [-instance OBJECT] MESH: a whorlSample on the mesh, and an
 * instancer of OBJECT on its points. Gives the names of what it made. Undoable. */
class WhorlFill : public MPxCommand
{
  public:
    MStatus doIt(const MArgList &arguments) override;
    MStatus redoIt() override;
    MStatus undoIt() override;
    bool isUndoable() const override;
    static MSyntax syntax();
    static std::string default_pipeline;

  private:
    MDagModifier change_;
};

void whorl_tick();                       /* what the timer and whorlReload do once something may have changed */
extern const char *const reloaded_event; /* MUserEventMessage */

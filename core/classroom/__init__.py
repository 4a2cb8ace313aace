"""What a class needs: scenes of a lesson, answers, a report to hand in, a wall to hang pictures on."""

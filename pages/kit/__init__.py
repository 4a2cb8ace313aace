"""What the pages share: language, session, pickers, the live panel, plots."""

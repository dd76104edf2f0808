def test_it_says_plainly_that_it_is_for_research_only(open_app, picture_bundle):
    app = open_app(picture_bundle)
    assert not app.exception
    assert "Not a medical device" in app.warning[0].value
    assert app.title[0].value == "Predict"


def test_what_is_refused_is_told_in_one_line(open_app, picture_bundle):
    app = open_app(picture_bundle)
    app.button[0].click().run()
    assert [found.value for found in app.error] == ["there is no image to predict. Fix: choose a file first."]
    assert not app.exception

from medweave.serving.rest.status import Links, PredictionStatus


def test_a_prediction_that_waits_has_neither_answer_nor_problem():
    status = PredictionStatus(
        id="a", model="xray", model_sha256="0", status="queued", progress=0, created="now", links=Links(self="/a")
    )
    assert (status.answer, status.problem, status.links.masks) == (None, None, {})

from tests.build import Build


async def test_a_check_in_moves_the_objective_above(build: Build) -> None:
    company = await build.objective()
    team = await build.objective(parent_id=company["id"], weight=2)
    key_result = await build.key_result(team, target_value="3")

    await build.check_in(key_result, 1)

    assert await build.progress(company) == 0.333333
